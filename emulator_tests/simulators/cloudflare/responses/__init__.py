"""The answers of Cloudflare Stream: each module reads the requests of one subject and writes their answers."""
