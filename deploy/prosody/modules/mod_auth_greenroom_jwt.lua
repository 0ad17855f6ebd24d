-- Log in with a token of Greenroom, or as Greenroom itself. For the VirtualHost; see docs/chat.md.
--
-- The password of a person is a JWT (HS256): `sub` is their user name, `exp` its end, `room` the one room that it
-- opens, and `moderates` tells whether they moderate there. It gives access to that room and to nothing else here.
local jid = require "util.jid";
local jwt = require "util.jwt";
local sasl = require "util.sasl";
local st = require "util.stanza";
local equals = require "util.hashes".equals;

local SERVICE = "service"; -- The user name of Greenroom; those of people begin with "user-".
local SERVICE_STANZA_BYTES = 2 * 1024 * 1024; -- 200 KiB of a body, each character escaped, are less.
local SECRET_MIN = 32;

local jwt_secret = module:get_option_string("greenroom_jwt_secret", "");
local service_password = module:get_option_string("greenroom_service_password", "");
if #jwt_secret < SECRET_MIN or #service_password < SECRET_MIN then
	error("greenroom_jwt_secret and greenroom_service_password must have at least 32 characters each.");
end

-- Return what a token permits, nil if it is not valid for this user now.
local function permissions_of(token, username)
	local is_valid, claims = jwt.verify(jwt_secret, token);
	if not is_valid or type(claims) ~= "table" then
		return nil;
	end
	if claims.sub ~= username or type(claims.room) ~= "string" then
		return nil;
	end
	if type(claims.exp) ~= "number" or claims.exp <= os.time() then
		return nil;
	end
	return { room = claims.room, moderates = claims.moderates == true, expires_at = claims.exp };
end

local function log_in(session, username, password)
	if username == SERVICE then
		session.greenroom = equals(password, service_password) and { is_service = true } or nil;
	else
		session.greenroom = permissions_of(password, username);
	end
	return session.greenroom ~= nil;
end

local function not_available()
	return nil, "not available";
end

module:provides("auth", {
	test_password = not_available;
	get_password = not_available;
	set_password = not_available;
	create_user = not_available;
	delete_user = not_available;
	user_exists = function () return true; end;
	get_sasl_handler = function (session)
		return sasl.new(module.host, {
			plain_test = function (_, username, password)
				return log_in(session, username, password), true;
			end;
		});
	end;
});

-- After mod_c2s, which sets the limit of everybody.
module:hook("authentication-success", function (event)
	local session = event.session;
	if session.greenroom and session.greenroom.is_service and session.stream then
		session.stanza_size_limit = SERVICE_STANZA_BYTES;
		session.stream:set_stanza_size_limit(SERVICE_STANZA_BYTES);
	end
end, -10);

-- A person reaches their room and the server, and no other person and no other room.
local function confine(event)
	local origin, stanza = event.origin, event.stanza;
	local permissions = origin.greenroom;
	if origin.type ~= "c2s" or (permissions and permissions.is_service) then
		return nil;
	end
	local node, host = jid.split(stanza.attr.to);
	local is_local = host == nil or prosody.hosts[host] ~= nil;
	if is_local and permissions then
		if node == nil then
			return nil;
		end
		if host == module.host and node == origin.username then
			return nil;
		end
		if host ~= module.host and node == permissions.room then
			return nil;
		end
	end
	if stanza.attr.type ~= "error" and stanza.attr.type ~= "result" then
		origin.send(st.error_reply(stanza, "auth", "forbidden"));
	end
	return true;
end
for _, name in ipairs { "message", "presence", "iq" } do
	for _, kind in ipairs { "bare", "full", "host" } do
		module:hook("pre-" .. name .. "/" .. kind, confine, 1000);
	end
end
