"""The table of all codes."""

from .rules import RULES

FAMILIES = {
    "PV0": "the pair does not run",
    "PV1": "parameters",
    "PV2": "sites, plates and scales",
    "PV3": "distributions, data and numbers",
    "PV4": "what depends on what",
    "PV5": "side effects",
    "PV6": "estimators and speed",
    "PV9": "the check itself",
}
"""By the first digit of a code."""


def all_codes() -> list[tuple[str, str, str, str]]:
    """Code, severity, title and remedy of every rule, in the order of the codes."""
    return sorted((rule.code, rule.severity, rule.title, rule.remedy) for rule in RULES)


def codes_table() -> str:
    """All codes by family, a line each."""
    lines = []
    for start, family in FAMILIES.items():
        rows = [row for row in all_codes() if row[0].startswith(start)]
        if start == "PV9":
            rows = [("PV900", "information", "a rule could not be applied to the pair", "")]
        lines += [f"{start}xx  {family}"]
        lines += [f"  {code}  {severity:<11}  {title}" for code, severity, title, _ in rows]
    return "\n".join(lines)
