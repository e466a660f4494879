"""What is measured, one file for each subject. Each part takes a Bench and returns an Outcome."""
