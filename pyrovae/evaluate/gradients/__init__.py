"""Signal and noise of gradient estimators."""
