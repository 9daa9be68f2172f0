-- The load for wrk: of 20 requests 12 GET and 5 PUT a key, 2 log a line, and 1
-- wants a digest, of as many rounds as the argument says. load.sh has put every
-- key before, so that a 404 is an error.
-- In the end it prints one line for load.sh, "mix: name=value ...".

local keys = 100

-- What one thread counts; done reads it from the outside.
ok, unavailable, late, bad, noRetryAfter, lastBad = 0, 0, 0, 0, 0, 0

local threads = {}
function setup(thread) threads[#threads + 1] = thread end

local requests, n = {}, 0
function init(args)
   local value, text = string.rep("v", 64), string.rep("The quick brown fox. ", 50)
   for i = 0, 20 * keys - 1 do
      local of20, key = i % 20, "/kv/k" .. (i * 37) % keys
      local r
      if of20 == 19 then
         r = wrk.format("POST", "/digest?rounds=" .. (args[1] or 200), nil, text)
      elseif of20 % 9 == 8 then
         r = wrk.format("POST", "/log", nil, "line " .. i)
      elseif of20 % 4 == 1 then
         r = wrk.format("PUT", key, nil, value .. i)
      else
         r = wrk.format("GET", key)
      end
      requests[i + 1] = r
   end
   n = math.random(#requests) -- connections share it: they take turns
end

function request()
   n = n % #requests + 1
   return requests[n]
end

function response(status, headers)
   if status >= 200 and status < 300 then
      ok = ok + 1
   elseif status == 503 then
      unavailable = unavailable + 1
      if not headers["Retry-After"] then noRetryAfter = noRetryAfter + 1 end
   elseif status == 504 then
      late = late + 1
   else
      bad, lastBad = bad + 1, status
   end
end

function done(summary, latency)
   local sum, badStatus = function(name)
      local s = 0
      for _, t in ipairs(threads) do s = s + t:get(name) end
      return s
   end, 0
   for _, t in ipairs(threads) do badStatus = math.max(badStatus, t:get("lastBad")) end
   local e = summary.errors
   io.write(string.format(
      "mix: responses=%d ok=%d r503=%d r504=%d bad=%d badstatus=%d noretryafter=%d "
         .. "rps=%.0f p50us=%.0f p99us=%.0f connect=%d read=%d write=%d timeout=%d\n",
      summary.requests, sum("ok"), sum("unavailable"), sum("late"), sum("bad"), badStatus, sum("noRetryAfter"),
      summary.requests / summary.duration * 1e6, latency:percentile(50), latency:percentile(99),
      e.connect, e.read, e.write, e.timeout))
end
