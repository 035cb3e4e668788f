"""The record that reviewers decide from: MLflow runs, registry, comparison, promotion and its ledger."""
