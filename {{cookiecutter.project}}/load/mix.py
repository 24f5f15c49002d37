"""What clients ask for, in percent: one mix for the load test and for the capacity measurement."""

SHARES = {
    "read": 60,  # GET /items/{id}; half of them with the ETag that they hold
    "data": 20,  # GET /data/{id}
    "page": 4,  # GET /items
    "missing": 1,  # GET of an item that is not there
    "create": 5,  # POST /items with an Idempotency-Key; one in five says the same again
    "update": 5,  # PATCH with If-Match; one in five with a version that is gone: 412
    "delete": 5,
}
DATA_IDS = 1_000
