"""Classical forecasting models, one idea a file."""
