"""What happens to a request before and after its call: names of models, options, limits, errors."""
