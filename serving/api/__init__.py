"""The desk over HTTP: routes that check who asks, call `serving.desk`, and answer in one shape."""
