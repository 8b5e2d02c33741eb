"""What calls cost, how many tokens they have, and what is reported of them."""
