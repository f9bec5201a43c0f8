"""What the pipelines have in common: settling doubts, handing files over, telling people by mail."""
