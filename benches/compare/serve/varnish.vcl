# varnish with everything in memory for the whole run; it keeps what its backend compressed. In capitals: what serve.py puts in.
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "BACKEND"; }
sub vcl_backend_response { set beresp.ttl = 1d; }
