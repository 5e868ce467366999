"""Makes the documents of the suite from its own types: OpenAPI of its HTTP APIs, AsyncAPI of its topics, and pages."""
