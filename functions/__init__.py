"""The edge: each deployed function decodes, calls one use case, encodes. Business decisions live in `shared/`."""
