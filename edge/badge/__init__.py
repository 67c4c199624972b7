"""Ways in without a face: badges, PINs, one-time codes, and what reads them."""
