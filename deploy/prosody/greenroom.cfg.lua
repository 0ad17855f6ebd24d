-- An example for Prosody 0.12: the parts that Greenroom needs. See docs/chat.md.
-- Copy it to /etc/prosody/conf.d/greenroom.cfg.lua, and put your names and secrets in place of those here.

VirtualHost "chat.example.com"
	authentication = "greenroom_jwt"
	greenroom_jwt_secret = "the same as the secret XMPP_JWT_SECRET"
	greenroom_service_password = "the same as the secret XMPP_PASSWORD"
	modules_enabled = { "disco", "ping", "roster", "saslauth", "smacks", "tls", "websocket" }
	modules_disabled = { "offline", "s2s" }

Component "rooms.chat.example.com" "muc"
	modules_enabled = { "greenroom_rooms" }
	restrict_room_creation = true
	muc_room_default_public = false
	muc_room_locking = false
	muc_tombstones = false
