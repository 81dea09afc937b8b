-- Dissector of ICMsg packets in captures that `icmsg run --trace FILE.pcapng` writes, for Wireshark and tshark.
-- Where to put it: icmsg trace --wireshark-plugin

local icmsg = Proto("icmsg", "Zephyr ICMsg")

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

function icmsg.dissector(buffer, info, tree)
    info.cols.protocol = "ICMSG"
    local direction, comment = text_of(interface_of), text_of(comment_of)
    local branch = tree:add(icmsg, buffer())
    if direction then
        branch:add(fields.direction, direction):set_generated()
        local from, to = string.match(direction, "^(.-)%->(.+)$")
        if from then
            info.cols.src = from
            info.cols.dst = to
        end
    end
    local number = comment and string.match(comment, "^#(%d+)")
    if number then
        branch:add(fields.number, tonumber(number)):set_generated()
    end
    if buffer:len() < 4 then
        branch:add(fields.event, comment or "?"):set_generated()
        branch:add_proto_expert_info(fault, comment or "?")
        info.cols.info = comment or "an event"
        return buffer:len()
    end
    local length = buffer(0, 2):uint()
    branch:add(fields.length, buffer(0, 2))
    branch:add(fields.reserved, buffer(2, 2))
    local there = buffer:len() - 4
    if there ~= length then
        branch:add_proto_expert_info(wrong_length, "The header announces " .. length .. " bytes, there are " .. there)
    end
    info.cols.info = (number and ("#" .. number .. " ") or "") .. length .. " bytes"
    if there > 0 then
        local data = buffer(4, there)
        branch:add(fields.data, data)
        if string.sub(string.lower(tostring(data:bytes())), 1, #MAGIC) == MAGIC then
            branch:add(fields.magic, true):set_generated()
            info.cols.info = "magic"
        elseif icmsg.prefs.icbmsg and there == 3 then
            dissect_icbmsg(data, branch, info)
        end
    end
    return buffer:len()
end
