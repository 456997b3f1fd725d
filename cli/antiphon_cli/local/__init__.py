"""What `antiphon up` is made of."""
