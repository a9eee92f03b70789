"""Answers for millions of records: a folder of Parquet shards in, a folder of Parquet shards out, dealt out by Ray Data."""
