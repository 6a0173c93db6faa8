"""The words of the trade, one meaning each (design, section 3). Frozen values without behavior of their own."""
