"""Reports of evaluations for people: one self-contained HTML file."""

from eval.reports.html import write_report

__all__ = ["write_report"]
