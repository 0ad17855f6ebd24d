"""Your own servers as a host: any store with an S3 API, with addresses that are signed here.

`settings` declares the fields of its row and opens it. Nothing here imports botocore before it is needed.
"""
