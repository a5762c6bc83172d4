"""What it costs to judge a window of a million rows, beside Evidently on all of them and NannyML."""
