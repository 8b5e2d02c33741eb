"""Records of calls for those who look at them: filters, sums, new calls as they are recorded, and CSV."""
