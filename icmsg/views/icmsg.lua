-- Dissector of ICMsg packets in captures that `icmsg run --trace FILE.pcapng` writes, for Wireshark and tshark.
-- Where to put it: icmsg trace --wireshark-plugin

local icmsg = Proto("icmsg", "Zephyr ICMsg")
local icmsg_me = Proto("icmsg_me", "Zephyr icmsg_me")
local icbmsg = Proto("icbmsg", "Zephyr ICBMsg, 3.6 to 4.4")
local icbmsgrw = Proto("icbmsgrw", "Zephyr ICBMsg after 4.4")

icmsg.prefs.icbmsg = Pref.bool("Payloads are ICBMsg control messages", false,
    "ICBMsg sends three bytes through ICMsg for each message: kind, endpoint address, block")

local kinds = { [0] = "data", [1] = "release data", [2] = "bound", [3] = "release bound" }

local fields = {
    length = ProtoField.uint16("icmsg.len", "Length", base.DEC),
    reserved = ProtoField.uint16("icmsg.reserved", "Reserved", base.HEX),
    data = ProtoField.bytes("icmsg.data", "Payload"),
    magic = ProtoField.bool("icmsg.magic", "Magic, opens the region"),
    number = ProtoField.uint32("icmsg.number", "Message", base.DEC),
    event = ProtoField.string("icmsg.event", "Event"),
    direction = ProtoField.string("icmsg.direction", "Direction"),
    kind = ProtoField.uint8("icmsg.icbmsg.type", "ICBMsg type", base.DEC, kinds),
    endpoint = ProtoField.uint8("icmsg.icbmsg.ept", "ICBMsg endpoint address", base.DEC),
    block = ProtoField.uint8("icmsg.icbmsg.block", "ICBMsg block", base.DEC),
    size = ProtoField.uint32("icmsg.icbmsg.size", "Size of the message", base.DEC),
    name = ProtoField.string("icmsg.endpoint", "Endpoint"),
    own_number = ProtoField.uint32("icmsg.endpoint.number", "Message of the endpoint", base.DEC),
    me_number = ProtoField.uint8("icmsg.me.ept", "icmsg_me endpoint, 0 = discovery", base.DEC),
    words = ProtoField.string("icmsg.control", "Control packet"),
}
icmsg.fields = fields

local wrong_length = ProtoExpert.new("icmsg.wrong_length", "The header announces another length than there is",
    expert.group.MALFORMED, expert.severity.ERROR)
local fault = ProtoExpert.new("icmsg.fault", "Not a message: something happened here",
    expert.group.SEQUENCE, expert.severity.WARN)
icmsg.experts = { wrong_length, fault }

local comment_of = Field.new("frame.comment")
local interface_of = Field.new("frame.interface_name")

local MAGIC = "456d316c314b30726e336c6934"

local function text_of(field)
    local found = field()
    return found and tostring(found.value) or nil
end

local function dissect_icbmsg(range, tree, info)
    local kind = range(0, 1):uint()
    tree:add(fields.kind, range(0, 1))
    tree:add(fields.endpoint, range(1, 1))
    tree:add(fields.block, range(2, 1))
    info.cols.info:append(", ICBMsg " .. (kinds[kind] or ("type " .. kind)) ..
        ", endpoint " .. range(1, 1):uint() .. ", block " .. range(2, 1):uint())
end

-- The direction, the message's number, its endpoint, and what a control packet is: from the interface and the comment.
-- Returns the comment, and the title of a message.
local function add_generated(branch, info)
    local direction, comment = text_of(interface_of), text_of(comment_of)
    if direction then
        branch:add(fields.direction, direction):set_generated()
        local from, to = string.match(direction, "^(.-)%->(.+)$")
        if from then
            info.cols.src = from
            info.cols.dst = to
        end
    end
    local number = comment and string.match(comment, "^#(%d+)")
    if not number then
        return comment, nil
    end
    branch:add(fields.number, tonumber(number)):set_generated()
    local title = "#" .. number
    local name, own = string.match(comment, "^#%d+ (.*):(%d+) [ai][tn] ")
    if name then
        branch:add(fields.name, name):set_generated()
        branch:add(fields.own_number, tonumber(own)):set_generated()
        title = title .. " " .. name .. ":" .. own
    end
    return comment, title
end

-- An event: a packet without bytes.
local function dissect_event(buffer, info, branch, comment)
    branch:add(fields.event, comment or "?"):set_generated()
    branch:add_proto_expert_info(fault, comment or "?")
    info.cols.info = comment or "an event"
    return buffer:len()
end

local function add_words(branch, info, comment)
    branch:add(fields.words, comment or "?"):set_generated()
    info.cols.info = comment or "a control packet"
end

local function add_message(branch, info, title, data)
    if data:len() > 0 then
        branch:add(fields.data, data)
    end
    info.cols.info = (title and (title .. " ") or "") .. data:len() .. " bytes"
end

local function is_magic(data)
    return string.sub(string.lower(tostring(data:bytes())), 1, #MAGIC) == MAGIC
end

-- Header and payload of one packet of a ring; returns the payload and whether it is the magic.
local function add_packet(buffer, branch, info)
    local length = buffer(0, 2):uint()
    branch:add(fields.length, buffer(0, 2))
    branch:add(fields.reserved, buffer(2, 2))
    local data = buffer(4, math.min(length, buffer:len() - 4))
    if data:len() > 0 and is_magic(data) then
        branch:add(fields.data, data)
        branch:add(fields.magic, true):set_generated()
        info.cols.info = "magic"
        return data, true
    end
    return data, false
end

-- The branch of a packet, with what was generated about it: comment and title.
local function begin(protocol, name, buffer, info, tree)
    info.cols.protocol = name
    local branch = tree:add(protocol, buffer())
    return branch, add_generated(branch, info)
end

function icmsg_me.dissector(buffer, info, tree)
    local branch, comment, title = begin(icmsg_me, "ICMSG_ME", buffer, info, tree)
    if buffer:len() < 5 then
        return dissect_event(buffer, info, branch, comment)
    end
    local data, magic = add_packet(buffer, branch, info)
    if not magic then
        branch:add(fields.me_number, data(0, 1))
        if title then
            add_message(branch, info, title, buffer(5, data:len() - 1))
        else
            add_words(branch, info, comment)
        end
    end
    return buffer:len()
end

function icbmsg.dissector(buffer, info, tree)
    local branch, comment, title = begin(icbmsg, "ICBMSG", buffer, info, tree)
    if buffer:len() < 5 then
        return dissect_event(buffer, info, branch, comment)
    end
    local data, magic = add_packet(buffer, branch, info)
    if magic then
        return buffer:len()
    end
    if data:len() >= 3 then
        branch:add(fields.kind, data(0, 1))
        branch:add(fields.endpoint, data(1, 1))
        branch:add(fields.block, data(2, 1))
    end
    if title and buffer:len() >= 12 then
        branch:add_le(fields.size, buffer(8, 4))
        add_message(branch, info, title, buffer(12, buffer:len() - 12))
    else
        add_words(branch, info, comment)
    end
    return buffer:len()
end

function icbmsgrw.dissector(buffer, info, tree)
    local branch, comment, title = begin(icbmsgrw, "ICBMSG", buffer, info, tree)
    if buffer:len() < 4 then
        return dissect_event(buffer, info, branch, comment)
    end
    branch:add_le(fields.size, buffer(0, 2))
    branch:add(fields.block, buffer(2, 1))
    branch:add(fields.endpoint, buffer(3, 1))
    add_message(branch, info, title, buffer(4, buffer:len() - 4))
    if not title then
        add_words(branch, info, comment)
    end
    return buffer:len()
end

function icmsg.dissector(buffer, info, tree)
    local branch, comment, title = begin(icmsg, "ICMSG", buffer, info, tree)
    if buffer:len() < 4 then
        return dissect_event(buffer, info, branch, comment)
    end
    local length = buffer(0, 2):uint()
    branch:add(fields.length, buffer(0, 2))
    branch:add(fields.reserved, buffer(2, 2))
    local there = buffer:len() - 4
    if there ~= length then
        branch:add_proto_expert_info(wrong_length, "The header announces " .. length .. " bytes, there are " .. there)
    end
    info.cols.info = (title and (title .. " ") or "") .. length .. " bytes"
    if there > 0 then
        local data = buffer(4, there)
        branch:add(fields.data, data)
        if is_magic(data) then
            branch:add(fields.magic, true):set_generated()
            info.cols.info = "magic"
        elseif icmsg.prefs.icbmsg and there == 3 then
            dissect_icbmsg(data, branch, info)
        end
    end
    return buffer:len()
end
