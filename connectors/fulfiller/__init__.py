"""Places that ship and take orders over HTTP and JSON, each by its own words in YAML."""
