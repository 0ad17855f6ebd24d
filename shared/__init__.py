"""The domain and its adapters: what Greenroom knows, apart from how it is deployed (that is `functions/`)."""
