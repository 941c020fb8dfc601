"""What users see: tables, the view of one model, and result files."""
