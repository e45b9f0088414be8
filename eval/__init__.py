"""Evaluation: metrics, tasks and speed."""
