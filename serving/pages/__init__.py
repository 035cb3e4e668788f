"""The desk's pages: HTML over the same functions of `serving.desk` that the API calls; all words in `words`."""
