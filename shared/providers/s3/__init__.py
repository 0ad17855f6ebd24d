"""Your own servers as a host: any store with an S3 API, with addresses that are signed here.

Called by `shared/providers/__init__.py` alone. Nothing here imports botocore before it is needed.
"""

from shared.providers.s3.host import S3Host, S3Store

__all__ = ["S3Host", "S3Store"]
