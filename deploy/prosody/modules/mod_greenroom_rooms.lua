-- The rooms of Greenroom. For the MUC component; see docs/chat.md.
--
-- Greenroom creates and destroys rooms and sends to them without joining, by an IQ to the room:
--   <create xmlns="urn:greenroom:rooms"/>, <destroy …/>, <broadcast … event="start_sharing">the body</broadcast>
-- The answer says that it is done. People join the room of their token, and create none.
local jid = require "util.jid";
local st = require "util.stanza";
local new_id = require "util.id".medium;
local muc = module:depends "muc";

local NAMESPACE = "urn:greenroom:rooms";
local MESSAGE_BYTES_MAX = 64 * 1024; -- Of one person's message: each may be kept, and sent to everybody.

-- Tell whether a session's token opens this room now.
local function opens(session, room_jid)
	local permissions = session.greenroom;
	return permissions ~= nil and permissions.room == jid.node(room_jid) and permissions.expires_at > os.time();
end

local function refuse(event, kind, condition, text)
	if event.stanza.attr.type ~= "error" then
		event.origin.send(st.error_reply(event.stanza, kind, condition, text));
	end
	return true;
end

-- Answer an IQ of the service by what `act` returns: nothing, or the kind and condition of an error.
local function on_request(name, act)
	module:hook("iq-set/bare/" .. NAMESPACE .. ":" .. name, function (event)
		local permissions = event.origin.greenroom;
		if not (permissions and permissions.is_service) then
			return refuse(event, "auth", "forbidden");
		end
		local kind, condition = act(jid.bare(event.stanza.attr.to), event.stanza.tags[1]);
		if kind then
			return refuse(event, kind, condition);
		end
		event.origin.send(st.reply(event.stanza));
		return true;
	end, 10);
end

on_request("create", function (room_jid)
	local room = muc.get_room_from_jid(room_jid) or muc.create_room(room_jid);
	if not room then
		return "wait", "resource-constraint";
	end
	-- A persistent room stays while nobody is in it.
	room:set_persistent(true);
	room:save(true);
end);

on_request("destroy", function (room_jid)
	local room = muc.get_room_from_jid(room_jid);
	if room and not room:destroy() then
		return "wait", "internal-server-error";
	end
end);

on_request("broadcast", function (room_jid, request)
	local room = muc.get_room_from_jid(room_jid);
	if not room then
		return "cancel", "item-not-found";
	end
	local attributes = { type = "groupchat", from = room.jid, id = new_id(), event = request.attr.event };
	-- It comes from the room itself, and is not kept: who joins later reads the present state elsewhere.
	room:broadcast(st.message(attributes, request:get_text()));
end);

module:hook("muc-room-pre-create", function (event)
	return refuse(event, "cancel", "item-not-found", "This room does not exist.");
end, 1000);

module:hook("muc-occupant-pre-join", function (event)
	if not opens(event.origin, event.room.jid) then
		return refuse(event, "auth", "registration-required", "The token does not open this room.");
	end
	event.occupant.role = event.origin.greenroom.moderates and "moderator" or "participant";
end, 100);

-- Only those who moderate may send a message with `event`, to the room or to one person in it.
local function police(event)
	if #tostring(event.stanza) > MESSAGE_BYTES_MAX then
		return refuse(event, "modify", "policy-violation", "A message must have at most 64 KiB.");
	end
	if event.stanza.attr.event == nil then
		return nil;
	end
	if not (opens(event.origin, event.stanza.attr.to) and event.origin.greenroom.moderates) then
		return refuse(event, "auth", "forbidden", "Only moderators may send an event.");
	end
end
module:hook("message/bare", police, 1000);
module:hook("message/full", police, 1000);
