"""The numbers the project promises, measured side by side.

    python -m tests.benchmarks [NAME…] [--quick]
"""

BENCHMARKS = ("build_hello", "start_latency", "boot_phases", "linux_guest", "image_size",
              "trace_cost", "trace_read", "trace_table", "trace_load", "symbol_index",
              "system_calls", "thread_switches",
              "memory_operations", "file_operations", "http_requests", "bulk_tcp", "block_io",
              "share_reads", "nginx_requests", "redis_requests", "first_response", "guest_memory",
              "timeline_frames", "layers_live", "thread_backtraces",
              "console_output", "kits_build", "kits_start", "kits_memory", "kits_requests",
              "kits_trace")
