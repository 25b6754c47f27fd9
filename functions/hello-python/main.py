"""A function in Python: `handler(event, context)`, as in JavaScript. What it returns becomes the response."""


def handler(event, context):
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    print(f"greeting {name}")
    return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": f"hello, {name}\n"}
