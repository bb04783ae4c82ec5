-- Run by the postgresql image when its volume is new: one database for Dagster (POSTGRES_DB) and one for the catalog.
CREATE DATABASE catalog;
