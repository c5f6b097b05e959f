-- Prints what wrk measured as one line of JSON. With LOA_PATHS (addresses with blanks between) each request asks for one of
-- them at random, and with LOA_DELAY_MS it waits that long before, on the average: a load that is paced, not as much as goes.
local paths = {}
for path in string.gmatch(os.getenv("LOA_PATHS") or "", "%S+") do paths[#paths + 1] = path end

if #paths > 0 then
    function request() return wrk.format(nil, paths[math.random(#paths)]) end
end

local mean = tonumber(os.getenv("LOA_DELAY_MS"))
if mean then
    function delay() return math.random(0, 2 * mean) end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %f, "bytes": %d, "errors": %d, "p50_ms": %f, "p99_ms": %f}\n',
        summary.requests, summary.duration / 1e6, summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
