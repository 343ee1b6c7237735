"""Tests in a real Chromium against the running app, and the helpers that start both."""
