/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of the scripts. KEYS and ARGV are said at the top of each. Offsets and times pass
 * through as text; only epoch and seq are reckoned with, and stay far below 2^53.
 */
#include "app/scripts.h"

/* clang-format off */

/* Takes the partition: a new epoch, higher than any that this process knows of, for Redis may have
 * gone back. Answers what was there. Another layout's meta is not touched: the epoch is then 0. One
 * that is being dropped is nobody's until that is done: whoever wants it can do it. */
const char script_acquire[] =
    "-- KEYS 1 meta  ARGV 1 highest known epoch, 2 token, 3 transactional.id, 4 layout\n"
    "local m = redis.call('HMGET', KEYS[1], 'seq', 'writer_epoch', 'writer_token', 'offset',\n"
    "    'committed', 'clock', 'layout', 'config', 'config_text', 'topic_id', 'predecessor',\n"
    "    'owner', 'epoch', 'life', 'config_offset')\n"
    "local owner, epoch = m[12], m[13]\n"
    "m[12], m[13] = m[14], m[15]\n"
    "if m[7] and m[7] ~= ARGV[4] then\n"
    "    return {'0', unpack(m, 1, 13)}\n"
    "end\n"
    "local mark = redis.call('HGET', KEYS[1], 'dropping')\n"
    "if mark then\n"
    "    return {'dropping', mark}\n"
    "end\n"
    "if owner and owner ~= ARGV[3] then\n"
    "    m[11] = owner\n"
    "end\n"
    "epoch = string.format('%.0f', math.max(tonumber(epoch or 0), tonumber(ARGV[1])) + 1)\n"
    "redis.call('HSET', KEYS[1], 'epoch', epoch, 'token', ARGV[2], 'owner', ARGV[3],\n"
    "    'layout', ARGV[4], 'predecessor', m[11] or '')\n"
    "return {epoch, unpack(m, 1, 13)}\n";

/* One chunk: only under our fence, and only on the version that it was made for: a seq alone may come
 * again after a failover, and then let in the later chunks of a cut without the first. */
const char script_write[] =
    "-- KEYS 1 meta, 2 wake, 3 owed, then per stakeholder its HASH and its packed STRING\n"
    "-- ARGV 1 epoch, 2 token; the version there: 3 seq, 4 and 5 epoch and token of its writer;\n"
    "--      6 '1' for the last chunk, which sets: 7 offset, 8 committed, 9 clock, 10 config,\n"
    "--      11 config_text, 12 topic_id, 13 life, 14 config_offset ('' leaves as it is);\n"
    "--      then per stakeholder: id, wake (+inf never), owed ('' none), packed ('' delete),\n"
    "--      the HASH as of DUMP ('' none)\n"
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'seq', 'writer_epoch',\n"
    "    'writer_token')\n"
    "if m[1] ~= ARGV[1] or m[2] ~= ARGV[2] or (m[3] or '0') ~= ARGV[3]\n"
    "    or (m[4] or '0') ~= ARGV[4] or (m[5] or '') ~= ARGV[5] then\n"
    "    return {'stale', m[1], m[2], m[3] or '0', m[4], m[5]}\n"
    "end\n"
    "local function for_all(list, ...)\n"
    "    local call, n = {...}, select('#', ...)\n"
    "    for i = 1, #list, 4000 do\n" /* unpack() takes some 8,000 at most */
    "        local n_args = math.min(4000, #list - i + 1)\n"
    "        for k = 1, n_args do\n"
    "            call[n + k] = list[i + k - 1]\n"
    "        end\n"
    "        redis.call(unpack(call, 1, n + n_args))\n"
    "    end\n"
    "end\n"
    "local function rank(here, gone, score, id)\n"
    "    if score == '' then\n"
    "        gone[#gone + 1] = id\n"
    "    else\n"
    "        here[#here + 1] = score\n"
    "        here[#here + 1] = id\n"
    "    end\n"
    "end\n"
    /* Where RESTORE is refused, perhaps to this user: what is in it, field by field (dump.c). */
    "local function fields_of(dump)\n"
    "    local list, at = {}, 13\n"
    "    while dump:byte(at) ~= 255 do\n"
    "        local b, text, size = dump:byte(at), nil, 0\n"
    "        if b < 128 then\n"
    "            text, size = b, 1\n"
    "        elseif b == 241 then\n"
    "            text, size = struct.unpack('<i2', dump, at + 1), 3\n"
    "        elseif b == 243 then\n"
    "            text, size = struct.unpack('<i4', dump, at + 1), 5\n"
    "        else\n"
    "            local head, n = 1, b - 128\n"
    "            if b == 240 then\n"
    "                head, n = 5, struct.unpack('<I4', dump, at + 1)\n"
    "            elseif b >= 224 then\n"
    "                head, n = 2, (b - 224) * 256 + dump:byte(at + 1)\n"
    "            end\n"
    "            text, size = dump:sub(at + head, at + head + n - 1), head + n\n"
    "        end\n"
    "        list[#list + 1] = text\n"
    "        at = at + size + 1\n"
    "        for _, limit in ipairs({128, 16383, 2097151, 268435455}) do\n"
    "            at = at + (size >= limit and 1 or 0)\n"
    "        end\n"
    "    end\n"
    "    return list\n"
    "end\n"
    "local refusal\n"
    "local function restore(key, dump)\n"
    "    if not refusal then\n"
    "        refusal = redis.pcall('RESTORE', key, 0, dump, 'REPLACE').err\n"
    "    end\n"
    "    if refusal then\n"
    "        redis.call('DEL', key)\n"
    "        for_all(fields_of(dump), 'HSET', key)\n"
    "    end\n"
    "end\n"
    "local wake, deleted, owed, settled = {}, {}, {}, {}\n"
    "local states, old = {}, {}\n"
    "for key = 4, #KEYS, 2 do\n"
    "    local at = 15 + (key - 4) / 2 * 5\n"
    "    if ARGV[at + 3] == '' then\n"
    "        old[#old + 1] = KEYS[key + 1]\n"
    "    else\n"
    "        states[#states + 1] = KEYS[key + 1]\n"
    "        states[#states + 1] = ARGV[at + 3]\n"
    "    end\n"
    "    if ARGV[at + 4] == '' then\n"
    "        old[#old + 1] = KEYS[key]\n"
    "    end\n"
    "    rank(wake, deleted, ARGV[at + 1], ARGV[at])\n"
    "    rank(owed, settled, ARGV[at + 2], ARGV[at])\n"
    "end\n"
    /* First what a full Redis refuses: then it has all of the chunk as it was. */
    "for_all(wake, 'ZADD', KEYS[2])\n"
    "for_all(owed, 'ZADD', KEYS[3])\n"
    "for_all(states, 'MSET')\n"
    "for_all(deleted, 'ZREM', KEYS[2])\n"
    "for_all(settled, 'ZREM', KEYS[3])\n"
    "for_all(old, 'DEL')\n"
    "for key = 4, #KEYS, 2 do\n"
    "    local dump = ARGV[19 + (key - 4) / 2 * 5]\n"
    "    if dump ~= '' then\n"
    "        restore(KEYS[key], dump)\n"
    "    end\n"
    "end\n"
    "local seq = string.format('%.0f', tonumber(ARGV[3]) + 1)\n"
    "redis.call('HSET', KEYS[1], 'seq', seq, 'writer_epoch', ARGV[1], 'writer_token', ARGV[2])\n"
    "if ARGV[6] == '1' then\n"
    "    local names = {'offset', 'committed', 'clock', 'config', 'config_text', 'topic_id',\n"
    "        'life', 'config_offset'}\n"
    "    for i, name in ipairs(names) do\n"
    "        if ARGV[6 + i] ~= '' then\n"
    "            redis.call('HSET', KEYS[1], name, ARGV[6 + i])\n"
    "        end\n"
    "    end\n"
    "end\n"
    "return {'ok', seq, refusal}\n";

/* Packed states, and where they come from: a Redis that went back says another fence or version. */
const char script_load[] =
    "-- KEYS 1 meta, then packed STRINGs\n"
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'seq', 'writer_epoch',\n"
    "    'writer_token')\n"
    "return {m[1], m[2], m[3], m[4], m[5], redis.call('MGET', unpack(KEYS, 2))}\n";

/* How many partitions the topic had when we first saw it: with another number, keys move. */
const char script_count[] =
    "-- KEYS 1 meta of partition 0  ARGV 1 the number now\n"
    "redis.call('HSETNX', KEYS[1], 'partitions', ARGV[1])\n"
    "return redis.call('HGET', KEYS[1], 'partitions')\n";

const char script_wake[] =
    "-- KEYS 1 meta, 2 wake  ARGV 1 from, 2 until, 3 how many to skip, 4 how many to give\n"
    "local m = redis.call('HMGET', KEYS[1], 'epoch', 'token', 'seq', 'writer_epoch',\n"
    "    'writer_token')\n"
    "return {m[1], m[2], m[3], m[4], m[5], redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[2],\n"
    "    'WITHSCORES', 'LIMIT', ARGV[3], ARGV[4])}\n";

/* The owner gives the partition back in order: nothing of it is left for a successor to abort. */
const char script_release[] =
    "-- KEYS 1 meta  ARGV 1 transactional.id\n"
    "if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then\n"
    "    redis.call('HSET', KEYS[1], 'owner', '')\n"
    "end\n"
    "return 1\n";

/* Begins to drop what is there of a partition. From here on its owner is fenced, and nobody can take
 * it until the mark is gone. The version goes, so that no owner takes what comes next for its own;
 * `committed` stays: that there were offsets must not be forgotten. */
const char script_forget[] =
    "-- KEYS 1 meta, 2 wake  ARGV 1 mark, unique; 2 '1': forget offsets and number of partitions too\n"
    "if redis.call('EXISTS', KEYS[1], KEYS[2]) == 0 then\n"
    "    return 'nothing'\n"
    "end\n"
    "local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') or 0\n"
    "redis.call('HSET', KEYS[1], 'token', ARGV[1], 'dropping', ARGV[1], 'epoch',\n"
    "    string.format('%.0f', epoch + 1))\n"
    "redis.call('HDEL', KEYS[1], 'seq', 'writer_epoch', 'writer_token', 'offset', 'clock',\n"
    "    'config', 'config_text', 'topic_id', 'life', 'config_offset')\n"
    "if ARGV[2] == '1' then\n"
    "    redis.call('HDEL', KEYS[1], 'committed', 'partitions')\n"
    "end\n"
    "return 'marked'\n";

/* One step of it: deletes the stakeholders that are named, and names the next ones, which are found
 * by `wake`. A step may run late or twice: under another mark, or none, it does nothing. */
const char script_drop[] =
    "-- KEYS 1 meta, 2 wake, 3 owed, then per stakeholder its HASH and its packed STRING\n"
    "-- ARGV 1 mark, 2 how many to name, then the ids of those stakeholders\n"
    "if redis.call('HGET', KEYS[1], 'dropping') ~= ARGV[1] then\n"
    "    return {'over'}\n"
    "end\n"
    "for i = 3, #ARGV do\n"
    "    redis.call('DEL', KEYS[2 * i - 2], KEYS[2 * i - 1])\n"
    "    redis.call('ZREM', KEYS[2], ARGV[i])\n"
    "end\n"
    "local ids = redis.call('ZRANGE', KEYS[2], 0, tonumber(ARGV[2]) - 1)\n"
    "if #ids > 0 then\n"
    "    return {'more', ids}\n"
    "end\n"
    "redis.call('DEL', KEYS[3])\n"
    "redis.call('HDEL', KEYS[1], 'dropping', 'layout')\n"
    "return {'done'}\n";
