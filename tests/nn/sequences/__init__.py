"""Tests of networks over sequences."""
