"""The sanitation-fee portal: see docs/architecture.md."""
