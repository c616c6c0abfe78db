/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of src/app/commit*.c as spin can search it: every order of steps, every choice of
 * faults within the bounds. tests/model/run.py compiles and runs it, with the bounds and variants
 * that it has in its tables. One step of the model is one indivisible thing that a worker, a broker
 * or Redis does; `init` is the choice among all steps that are possible.
 *
 *   here                   in the code
 *   acquire, take_meta     commit_takeover.c acquire_step(), take_meta(); script_acquire
 *   reacquired             commit_takeover.c reacquired(), commit_checkpoint.c checkpoint_matches()
 *   read_m                 commit_takeover.c read_step(), decide(), start()
 *   apply                  commit.c commit_begin(), commit_wants(), commit_output(),
 *                          commit_applied()
 *   load                   commit_takeover.c commit_loaded(); script_load; residency.c
 *   hand_over              commit_publish.c hand_over(); publisher.c begins and produces
 *   offsets, end           publisher.c: send_offsets_to_transaction, commit
 *   settle_x, verify       commit_publish.c settle_committed(), settle_aborted(),
 *                          publish_verified()
 *   cut, chunk             commit_checkpoint.c cut_step(), write_step(), commit_chunk();
 *                          script_write
 *   drop, again            commit_takeover.c takeover_drop(), takeover_again()
 *   lost, release          commit.c commit_lost(), release() (which the end of its time may bring
 *                          at any moment)
 *   tick                   ticker.c
 *
 * What stands for what:
 *   - A record is an event, which touches one of two stakeholders and has one output, or a tick,
 *     which touches both and makes a timer of each due: two outputs. Ticks are appended by who
 *     holds itself for the owner and has read to the end; the wall clock is nowhere else.
 *   - A position counts outputs: 2 * offset + k, k being those of the record that are out.
 *   - An entry (a stakeholder's state) is `app`, the first offset not in it, and `val`, how many
 *     records were folded into it.
 *   - Generations of the group and epochs of producers are only ever compared with the current one:
 *     a bit each ("is the current one") in who holds one, cleared when a new one begins. So their
 *     number is not bounded.
 *   - A transaction's end and its markers are one step: in between, stable reads wait, and so do
 *     further transactions of that producer. Producing and beginning are one step.
 *   - Scripts run when a worker sends them, but a copy, or one that its sender has given up, may
 *     wait in `late` and run at any later time; two chunks in a pipeline run one after the other.
 *   - What is evicted is loaded again at the latest when it is needed; only the loading shows. So a
 *     stakeholder that might have been evicted may be loaded instead of being found in memory.
 *   - Epochs in Redis are renumbered without gaps after each acquisition: what counts is which are
 *     equal and which is the highest. So their number is not bounded either.
 *   - Redis fails over to a snapshot, taken at any earlier time: a prefix of its history.
 *   - A transaction of somebody who is gone is aborted by time-out or by ABORT_LEFTOVER: one step.
 */

/* ---- bounds: run.py sets them ---- */
#ifndef NP
#define NP 1 /* partitions, 1 or 2 */
#endif
#ifndef EVENTS
#define EVENTS 2 /* per partition; with TICKS at most 4 */
#endif
#ifndef FIRST
#define FIRST 1 /* of them there from the beginning */
#endif
#ifndef TICKS
#define TICKS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef KICKS
#define KICKS 1 /* rebalances, in order or with one member missing (which becomes a zombie) */
#endif
#ifndef FAILOVERS
#define FAILOVERS 1
#endif
#ifndef LOSSES
#define LOSSES 1 /* answers lost, time-outs, copies of scripts */
#endif
#ifndef EXPIRES
#define EXPIRES 0 /* the group's offsets are deleted */
#endif
#ifndef FAULTS
#define FAULTS 3 /* all of these together */
#endif
#ifndef EVICT
#define EVICT 1
#endif

/* ---- the variants: what the protocol is made without ---- */
#ifdef NO_STABLE_READ
#define IS_STABLE(p) true
#else
#define IS_STABLE(p) (wk[0].pend[p] == 0 && wk[1].pend[p] == 0)
#endif
#ifdef NO_COMPARE
#define IS_VERSION(p, sq, wr) true
#elif defined(NO_WRITER)
#define IS_VERSION(p, sq, wr) (rd[p].seq == (sq))
#else
#define IS_VERSION(p, sq, wr) (rd[p].seq == (sq) && rd[p].writer == (wr))
#endif
#ifdef NO_EPOCH
#define IS_FENCE(p, f) true
#else
#define IS_FENCE(p, f) (rd[p].fence == (f))
#endif
#ifdef NO_SUPPRESSION
#define IS_WANTED(w, p) true
#else
#define IS_WANTED(w, p) (wp[WP(w, p)].pos >= wp[WP(w, p)].com)
#endif
#ifdef REFRESHED_METADATA
#define GENERATION(w) true
#else
#define GENERATION(w) (wk[w].cur)
#endif
#ifdef NO_GENERATION
#define IS_MEMBER(w) true
#else
#define IS_MEMBER(w) (wk[w].fgen)
#endif
#ifdef NO_COUNT
#define COMMITTED(pos) ((pos) & 14)
#else
#define COMMITTED(pos) (pos)
#endif
#ifdef UNCHECKED_LOAD
#define IS_USABLE(w, p) true
#else
#define IS_USABLE(w, p)                                                                            \
    (rd[p].fence == wp[WP(w, p)].fence &&                                                          \
     ((rd[p].seq == wp[WP(w, p)].seq && rd[p].writer == wp[WP(w, p)].writer) ||                    \
      (rd[p].seq > wp[WP(w, p)].seq && rd[p].writer == wp[WP(w, p)].fence)))
#endif
#ifdef RESUME_AFTER_EXPIRY
#define IS_EXPIRED(w, p) false
#else
#define IS_EXPIRED(w, p) (m[p] == 0 && wp[WP(w, p)].was_set)
#endif
#ifdef WALL_CLOCK /* a timer fires with the first tick that is applied when the clock says so */
#define FIRES(e) (clock && !((e) & 64))
#else
#define FIRES(e) true
#endif

/* ---- state ---- */

#define WP(w, p) ((w) * NP + (p))
/* A worker's partition. */
#define UNOWNED   0
#define ACQUIRING 1
#define READING   2
#define RUNNING   3
#define STOPPED   4
/* A worker's transaction. */
#define IDLE      0
#define AT_OFFSET 1 /* produced; its offsets are on their way */
#define AT_END    2 /* offsets accepted; EndTxn is on its way */
#define VERIFYING 3 /* there is a new producer; M is to tell */

typedef Partition {
    unsigned state : 3;
    unsigned held : 1;
    unsigned notice : 1; /* Redis failed over; its connection will tell */
    unsigned seq : 4;    /* the version last known there, with `writer` */
    unsigned known : 4;  /* highest epoch seen */
    unsigned n : 3;      /* N: stored */
    unsigned was_set : 1;
    unsigned pos : 4; /* A, and outputs of the record at A */
    unsigned key : 1; /* the next stakeholder of the tick at A */
    unsigned com : 4; /* M as known */
    unsigned is_dirty : 1;
    unsigned dirty : 2; /* per stakeholder */
    unsigned resident : 2;
    unsigned is_cut : 1;
    unsigned cut_off : 3;
    unsigned cut : 2; /* stakeholders in it */
    unsigned done : 2;
    byte fence;
    byte writer;
    byte wait; /* outputs, by position */
    byte e[2];
    byte ce[2]; /* as cut */
};

typedef Worker {
    unsigned up : 1;
    unsigned life : 1;
    unsigned joined : 1; /* holds itself for a member */
    unsigned member : 1; /* the coordinator does */
    unsigned rejoined : 1;
    unsigned cur : 1; /* its generation is the group's */
    unsigned flight : 2;
    unsigned fgen : 1; /* generation in the request is the group's */
    unsigned ep : 1;   /* its producer's epoch is the slot's */
    unsigned open : 1; /* the broker has a transaction open for the slot */
    unsigned late : 1; /* an EndTxn of a former attempt is still travelling */
    byte sent[NP];     /* outputs in flight */
    byte upto[NP];     /* position that the transaction commits; 0: none */
    bool gone[NP];     /* given up since */
    byte outs[NP];     /* the broker's: in the open transaction */
    byte pend[NP];     /* likewise: position to be committed */
};

typedef Redis {
    unsigned seq : 4;
    unsigned n : 3;
    unsigned was_set : 1;
    byte fence; /* epoch * 4 + token */
    byte writer;
    byte e[2];
};

typedef Script {
    unsigned kind : 2; /* 0 none, 1 acquire, 2 write */
    unsigned part : 1;
    unsigned known : 4;
    unsigned seq : 4;
    unsigned rest : 2;
    unsigned off : 3;
    byte fence;
    byte writer;
    byte e[2];
};

Partition wp[2 * NP];
Worker wk[2];
Redis rd[NP];
Redis snap[NP];
Script late;
byte n_log[NP];
byte ticks[NP]; /* which records are ticks */
byte m[NP];     /* M as a position; 0: none */
byte vis[NP];   /* outputs that are committed, by position */
bit is_rebalancing;
bit is_expired;
bit is_snapped[NP];
#ifdef WALL_CLOCK
bit clock;
#endif
unsigned n_events : 3, n_ticks : 3;
unsigned n_crashes : 2, n_kicks : 2, n_failovers : 2, n_losses : 2, n_expires : 1, n_faults : 3;
/* What a step needs while it lasts. A search breadth first must have it in the state (SCRATCH is
 * `local` then), so that each step leaves it empty. */
#ifndef SCRATCH
#define SCRATCH hidden
#define CLEAR   skip
#else
#define CLEAR                                                                                      \
    i = 0; x = 0; y = 0; z = 0; rest = 0; ok = 0; as_fence = 0; as_writer = 0; as_seq = 0;         \
    as_rest = 0; as_off = 0; as_e0 = 0; as_e1 = 0; as_known = 0; as_token = 0
#endif
/* For the stories only. */
mtype = { a_tick, an_event, one_output, an_output_that_is_out, no_output };
mtype = { accepted, refused, let_in, fenced, committed };
SCRATCH byte i, x, y, z, rest, ok;

/* ---- what the log implies ---- */

#define IS_TICK(p, o)    ((ticks[p] >> (o)) & 1)
#define TOUCHES(p, k, o) (IS_TICK(p, o) || ((o) & 1) == (k))
#define FOLD1(p, k, n, o) (((o) < (n) && TOUCHES(p, k, o)) -> 1 : 0)
#define FOLD(p, k, n)                                                                              \
    (FOLD1(p, k, n, 0) + FOLD1(p, k, n, 1) + FOLD1(p, k, n, 2) + FOLD1(p, k, n, 3))
#define OUTS1(p, n, o) ((o) < (n) -> ((IS_TICK(p, o) -> 3 : 1) << (2 * (o))) : 0)
#define OUTS(p, n)     (OUTS1(p, n, 0) | OUTS1(p, n, 1) | OUTS1(p, n, 2) | OUTS1(p, n, 3))
#define LOWEST(mask)                                                                               \
    (((mask) & 1) -> 0 : (((mask) & 2) -> 1 : (((mask) & 4) -> 2 : (((mask) & 8) -> 3 :            \
    (((mask) & 16) -> 4 : (((mask) & 32) -> 5 : (((mask) & 64) -> 6 : 7)))))))

#define APP(e) ((e) & 7)
#define VAL(e) (((e) >> 3) & 7)

#ifdef WALL_CLOCK
/* Outputs of the timers may come at any tick; those of events where they are. */
#define IMPLIED(p, n) ((OUTS(p, n)) & EVENT_OUTS(p))
#define EVENT_OUTS(p) (~((IS_TICK(p, 0) -> 3 : 0) | (IS_TICK(p, 1) -> 12 : 0) |                    \
    (IS_TICK(p, 2) -> 48 : 0) | (IS_TICK(p, 3) -> 192 : 0)))
#else
#define IMPLIED(p, n) OUTS(p, n)
#endif

/* ---- what must hold ---- */

inline check_published(p, below)
{
    /* No checkpoint is ahead of what is committed. */
    assert((IMPLIED(p, below) & ~vis[p]) == 0);
}

inline check_entry(p, k)
{
    check_published(p, APP(rd[p].e[k]));
    assert(VAL(rd[p].e[k]) == FOLD(p, k, APP(rd[p].e[k])));
#ifdef WALL_CLOCK
    /* What the state says has fired is seen. */
    assert(!(rd[p].e[k] & 64) || (vis[p] & ~EVENT_OUTS(p)));
#endif
}

inline check_offset(p)
{
    check_published(p, rd[p].n);
    assert(VAL(rd[p].e[0]) >= FOLD(p, 0, rd[p].n) && VAL(rd[p].e[1]) >= FOLD(p, 1, rd[p].n));
}

/* ---- Kafka ---- */

/* Consumers see each output once, and in order. */
inline publish(w, p)
{
    assert((wk[w].outs[p] & vis[p]) == 0);
    assert(wk[w].outs[p] == 0 ||
           (IMPLIED(p, n_log[p]) & ((1 << LOWEST(wk[w].outs[p])) - 1) & ~vis[p]) == 0);
    vis[p] = vis[p] | wk[w].outs[p];
    if
    :: wk[w].pend[p] -> m[p] = COMMITTED(wk[w].pend[p])
    :: else
    fi;
    wk[w].outs[p] = 0;
    wk[w].pend[p] = 0
}

inline commit_transaction(w)
{
    if
    :: wk[w].open ->
        publish(w, 0);
#if NP > 1
        publish(w, 1);
#endif
        wk[w].open = 0
    :: else
    fi
}

inline abort_transaction(w)
{
    wk[w].open = 0;
    wk[w].outs[0] = 0;
    wk[w].pend[0] = 0;
#if NP > 1
    wk[w].outs[1] = 0;
    wk[w].pend[1] = 0;
#endif
}

/* InitProducerId: a new epoch; what the old one has open is aborted, what of it travels is void. */
inline init_producer(w)
{
    abort_transaction(w);
    wk[w].late = 0;
    wk[w].ep = 1
}

/* ---- Redis ---- */

/* Arguments of scripts. */
SCRATCH byte as_fence, as_writer, as_seq, as_rest, as_off, as_e0, as_e1, as_known, as_token;

inline run_acquire(p)
{
    x = ((rd[p].fence / 4) > as_known -> (rd[p].fence / 4) : as_known) + 1;
    rd[p].fence = x * 4 + as_token
}

/* The first chunk of those in as_rest; ok: it was let in. `rest` is what remains. */
inline run_write(p)
{
    ok = (IS_FENCE(p, as_fence) && IS_VERSION(p, as_seq, as_writer));
    rest = 0;
    if
    :: ok ->
        assert(as_seq < 15);
        rd[p].seq = as_seq + 1;
        rd[p].writer = as_fence;
        if
        :: (as_rest & 1) -> rd[p].e[0] = as_e0; rest = as_rest & 2; check_entry(p, 0)
        :: (as_rest == 2) -> rd[p].e[1] = as_e1; check_entry(p, 1)
        :: else
        fi;
        if
        :: rest == 0 ->
            rd[p].n = as_off;
            rd[p].was_set = 1;
            check_offset(p)
        :: else
        fi
    :: else
    fi
}

/* ---- a worker ---- */

#define Q(w, p) wp[WP(w, p)]

inline drop(w, p)
{
    Q(w, p).wait = 0;
    wk[w].sent[p] = 0;
    wk[w].gone[p] = (wk[w].upto[p] != 0);
    Q(w, p).is_cut = 0; Q(w, p).cut_off = 0; Q(w, p).cut = 0; Q(w, p).done = 0;
    Q(w, p).ce[0] = 0; Q(w, p).ce[1] = 0; Q(w, p).e[0] = 0; Q(w, p).e[1] = 0;
    Q(w, p).pos = 0; Q(w, p).key = 0; Q(w, p).com = 0;
    Q(w, p).is_dirty = 0; Q(w, p).dirty = 0; Q(w, p).resident = 0
}

inline disown(w, p)
{
    drop(w, p);
    Q(w, p).state = UNOWNED;
    Q(w, p).held = 0; Q(w, p).notice = 0; Q(w, p).fence = 0; Q(w, p).writer = 0;
    Q(w, p).seq = 0; Q(w, p).n = 0; Q(w, p).was_set = 0
}

inline disown_all(w)
{
    disown(w, 0);
#if NP > 1
    disown(w, 1);
#endif
}

inline again(w, p)
{
    drop(w, p);
    Q(w, p).held = 0;
    Q(w, p).state = ACQUIRING
}

inline take_meta(w, p)
{
    Q(w, p).fence = rd[p].fence;
    Q(w, p).seq = rd[p].seq;
    Q(w, p).writer = rd[p].writer;
    Q(w, p).n = rd[p].n;
    Q(w, p).was_set = rd[p].was_set;
    Q(w, p).state = READING
}

inline written(w, p)
{
    Q(w, p).n = Q(w, p).cut_off;
    Q(w, p).is_cut = 0; Q(w, p).cut_off = 0; Q(w, p).cut = 0; Q(w, p).done = 0;
    Q(w, p).ce[0] = 0; Q(w, p).ce[1] = 0
}

/* Is it still the state that we left there? `y` is whether chunks of the cut arrived unseen. */
inline reacquired(w, p)
{
    y = (rd[p].writer == Q(w, p).fence && rd[p].seq > Q(w, p).seq && Q(w, p).is_cut);
    if
    :: y || (rd[p].seq == Q(w, p).seq && rd[p].writer == Q(w, p).writer) ->
        Q(w, p).done = Q(w, p).done + (rd[p].seq - Q(w, p).seq);
        Q(w, p).seq = rd[p].seq;
        Q(w, p).writer = rd[p].writer;
        Q(w, p).fence = rd[p].fence;
        if
        :: y && rd[p].n == Q(w, p).cut_off -> written(w, p)
        :: else
        fi
    :: else ->
        drop(w, p);
        take_meta(w, p)
    fi
}

#define MAY_ACQUIRE(w, p) (Q(w, p).state != UNOWNED && Q(w, p).state != STOPPED && !Q(w, p).held)
/* What of the cut has not been written. */
#define REST(w, p) (Q(w, p).done == 0 -> Q(w, p).cut : (Q(w, p).cut == 3 -> 2 : 0))
/* All before it is published. */
#define PUBLISHED(w, p)                                                                            \
    ((Q(w, p).wait | wk[w].sent[p]) -> LOWEST(Q(w, p).wait | wk[w].sent[p]) : Q(w, p).pos)
#define CAN_WRITE(w, p)                                                                            \
    (Q(w, p).state == RUNNING && Q(w, p).is_cut && Q(w, p).held &&                                 \
     PUBLISHED(w, p) / 2 >= Q(w, p).cut_off)
#define RECORD(w, p) (Q(w, p).pos / 2)
/* The stakeholder that the record at A touches next. */
#define KEY(w, p) (IS_TICK(p, RECORD(w, p)) -> Q(w, p).key : (RECORD(w, p) & 1))
/* Not in memory, or evicted at any time since it was written: that shows only when it is needed. */
#define IS_COLD(w, p, k)                                                                           \
    (!((Q(w, p).resident >> (k)) & 1) || (EVICT && !(((Q(w, p).dirty | Q(w, p).cut) >> (k)) & 1)))
#define HAS_RECORD(w, p) (Q(w, p).state == RUNNING && RECORD(w, p) < n_log[p])
#define MAY_FAIL (n_faults < FAULTS)
#define MAY_LOSE (MAY_FAIL && n_losses < LOSSES)
#define LOSE n_losses++; n_faults++
#define NAME(w) ((w) -> 'B' : 'A')
#define TOKEN(w) ((w) * 2 + wk[w].life)
/* Where the transaction that takes `t` along leaves the partition. */
#define HANDED(w, p, t)                                                                            \
    (((Q(w, p).wait & ~(t)) -> LOWEST(Q(w, p).wait & ~(t)) : Q(w, p).pos))
#define HAS_MOVED(w, p, t) (Q(w, p).state == RUNNING && HANDED(w, p, t) > Q(w, p).com)

inline take_along(w, p, t)
{
    if
    :: Q(w, p).state == RUNNING ->
        z = Q(w, p).wait & (t);
        wk[w].upto[p] = (HAS_MOVED(w, p, t) -> HANDED(w, p, t) : 0);
#if !defined(NO_SUPPRESSION)
        assert(z == 0 || wk[w].upto[p]); /* what is published is fenced */
#endif
        wk[w].sent[p] = z;
        Q(w, p).wait = Q(w, p).wait & ~z
    :: else
    fi
}

/* Refused by generation or producer: a new producer; what became of it is read from M. */
inline fenced_out(w)
{
    init_producer(w);
    wk[w].flight = VERIFYING;
    wk[w].fgen = 0
}

inline begin_transaction(w)
{
    wk[w].fgen = GENERATION(w);
    if
    :: wk[w].ep ->
        wk[w].open = 1;
        wk[w].outs[0] = wk[w].outs[0] | wk[w].sent[0];
#if NP > 1
        wk[w].outs[1] = wk[w].outs[1] | wk[w].sent[1];
#endif
        wk[w].flight = AT_OFFSET
    :: else -> fenced_out(w)
    fi
}

inline settle(w, p, is_committed)
{
    if
    :: is_committed && wk[w].upto[p] && !wk[w].gone[p] -> Q(w, p).com = wk[w].upto[p]
    :: !is_committed -> Q(w, p).wait = Q(w, p).wait | wk[w].sent[p]
    :: else
    fi;
    wk[w].sent[p] = 0;
    wk[w].upto[p] = 0;
    wk[w].gone[p] = 0
}

inline settle_all(w, is_committed)
{
    settle(w, 0, is_committed);
#if NP > 1
    settle(w, 1, is_committed);
#endif
    wk[w].flight = IDLE;
    wk[w].fgen = 0
}

inline again_if_in(w, p)
{
    if
    :: wk[w].upto[p] && !wk[w].gone[p] -> again(w, p)
    :: else
    fi
}

inline begin_rebalance()
{
    is_rebalancing = 1;
    wk[0].rejoined = 0;
    wk[1].rejoined = 0
}

inline join(w)
{
    begin_rebalance();
    wk[w].member = 1;
    wk[w].joined = 1;
    wk[w].rejoined = 1;
    wk[w].cur = 0
}

inline new_generation()
{
    is_rebalancing = 0;
    wk[0].rejoined = 0; wk[1].rejoined = 0;
    wk[0].fgen = 0; wk[1].fgen = 0;
    /* who crashed meanwhile hears nothing of it */
    wk[0].cur = (wk[0].member && wk[0].joined);
    wk[1].cur = (wk[1].member && wk[1].joined)
}

#define IS_COMPLETE                                                                                \
    (is_rebalancing && (wk[0].member || wk[1].member) && (!wk[0].member || wk[0].rejoined) &&      \
     (!wk[1].member || wk[1].rejoined))

inline crash(w)
{
    n_crashes++; n_faults++;
    disown_all(w);
    wp[WP(w, 0)].known = 0;
#if NP > 1
    wp[WP(w, 1)].known = 0;
#endif
    settle_all(w, false);
    wp[WP(w, 0)].wait = 0;
#if NP > 1
    wp[WP(w, 1)].wait = 0;
#endif
    wk[w].up = 0; wk[w].ep = 0; wk[w].joined = 0; wk[w].cur = 0;
    wk[w].life = 1 - wk[w].life
}

inline late_write(w, p)
{
    late.kind = 2; late.part = p; late.fence = Q(w, p).fence; late.seq = Q(w, p).seq;
    late.writer = Q(w, p).writer; late.rest = REST(w, p); late.off = Q(w, p).cut_off;
    late.e[0] = Q(w, p).ce[0]; late.e[1] = Q(w, p).ce[1]
}

inline forget_late()
{
    late.kind = 0; late.part = 0; late.fence = 0; late.seq = 0; late.writer = 0; late.rest = 0;
    late.off = 0; late.known = 0; late.e[0] = 0; late.e[1] = 0
}

/* Closes the gaps in the epochs that are in use. */
#define LOWER(f)    f = ((f) / 4 > y -> (f) - 4 : (f))
#define HAS(f)      ((f) / 4 == y)
#define IS_EPOCH_USED(p)                                                                           \
    (HAS(rd[p].fence) || HAS(rd[p].writer) || HAS(snap[p].fence) || HAS(snap[p].writer) ||         \
     HAS(Q(0, p).fence) || HAS(Q(0, p).writer) || Q(0, p).known == y || HAS(Q(1, p).fence) ||      \
     HAS(Q(1, p).writer) || Q(1, p).known == y ||                                                  \
     (late.part == p && late.kind == 2 && (HAS(late.fence) || HAS(late.writer))) ||                \
     (late.part == p && late.kind == 1 && late.known == y))

inline renumber(p)
{
    y = rd[p].fence / 4;
    do
    :: y == 0 -> break
    :: y > 0 && IS_EPOCH_USED(p) -> y--
    :: y > 0 && !IS_EPOCH_USED(p) ->
        LOWER(rd[p].fence); LOWER(rd[p].writer); LOWER(snap[p].fence); LOWER(snap[p].writer);
        LOWER(Q(0, p).fence); LOWER(Q(0, p).writer); LOWER(Q(1, p).fence); LOWER(Q(1, p).writer);
        Q(0, p).known = (Q(0, p).known > y -> Q(0, p).known - 1 : Q(0, p).known);
        Q(1, p).known = (Q(1, p).known > y -> Q(1, p).known - 1 : Q(1, p).known);
        if
        :: late.part == p && late.kind == 2 -> LOWER(late.fence); LOWER(late.writer)
        :: late.part == p && late.kind == 1 ->
            late.known = (late.known > y -> late.known - 1 : late.known)
        :: else
        fi;
        y--
    od;
    assert(rd[p].fence < 64)
}

/* ---- the steps of a worker's partition ---- */

#define PARTITION_STEPS(w, p)                                                                      \
    /* takeover */                                                                                 \
    :: d_step { MAY_ACQUIRE(w, p) ->                                                               \
        /* the answer is what was there; the fence is the new one */                               \
        as_known = Q(w, p).known;                                                                  \
        as_token = TOKEN(w);                                                                       \
        run_acquire(p);                                                                            \
        Q(w, p).held = 1;                                                                          \
        Q(w, p).notice = 0;                                                                        \
        Q(w, p).known = (n_failovers < FAILOVERS -> rd[p].fence / 4 : 0);                          \
        if                                                                                         \
        :: Q(w, p).state == RUNNING -> reacquired(w, p)                                            \
        :: else -> take_meta(w, p)                                                                 \
        fi;                                                                                        \
        printf("%c acquires partition %d: epoch %d, N %d\n", NAME(w), p, rd[p].fence / 4,          \
               rd[p].n);                                                                           \
        renumber(p); CLEAR }                                                                       \
    :: d_step { MAY_LOSE && late.kind == 0 && MAY_ACQUIRE(w, p) ->                                 \
        LOSE;                                                                                      \
        late.kind = 1; late.part = p; late.known = Q(w, p).known; late.fence = TOKEN(w);           \
        printf("%c asks for partition %d; the script is held up\n", NAME(w), p); CLEAR }           \
    :: d_step { Q(w, p).state == READING && wk[w].upto[p] == 0 && IS_STABLE(p) ->                  \
        if                                                                                         \
        :: IS_EXPIRED(w, p) ->                                                                     \
            disown(w, p);                                                                          \
            Q(w, p).state = STOPPED                                                                \
        :: else ->                                                                                 \
            Q(w, p).com = m[p];                                                                    \
            Q(w, p).pos = 2 * Q(w, p).n;                                                           \
            Q(w, p).was_set = 0;                                                                   \
            Q(w, p).state = RUNNING                                                                \
        fi;                                                                                        \
        printf("%c reads M = %d+%d of partition %d, starts at N = %d\n", NAME(w), m[p] / 2,        \
               m[p] % 2, p, Q(w, p).n); CLEAR }                                                    \
    :: d_step { Q(w, p).held && Q(w, p).notice ->                                                  \
        Q(w, p).held = 0;                                                                          \
        Q(w, p).notice = 0;                                                                        \
        printf("%c notices that Redis was away\n", NAME(w)); CLEAR }                               \
    /* records */                                                                                  \
    :: d_step { HAS_RECORD(w, p) && ((Q(w, p).resident >> KEY(w, p)) & 1) ->                       \
        x = KEY(w, p);                                                                             \
        y = RECORD(w, p);                                                                          \
        z = IS_TICK(p, y);                                                                         \
        i = 0; /* has an output */                                                                 \
        if                                                                                         \
        :: APP(Q(w, p).e[x]) <= y ->                                                               \
            assert(VAL(Q(w, p).e[x]) == FOLD(p, x, y)); /* nothing twice, nothing left out */      \
            i = (!z || FIRES(Q(w, p).e[x]));                                                       \
            Q(w, p).e[x] = (Q(w, p).e[x] & 64) | FIRED(z && i) |                                   \
                ((VAL(Q(w, p).e[x]) + 1) * 8) | (y + 1);                                           \
            Q(w, p).dirty = Q(w, p).dirty | (1 << x)                                               \
        :: else                                                                                    \
        fi;                                                                                        \
        if                                                                                         \
        :: i && IS_WANTED(w, p) -> Q(w, p).wait = Q(w, p).wait | (1 << Q(w, p).pos)                \
        :: else                                                                                    \
        fi;                                                                                        \
        printf("%c applies record %d of partition %d (%e), stakeholder %d: %e\n", NAME(w), y, p,   \
               (z -> a_tick : an_event), x,                                                        \
               (i -> (IS_WANTED(w, p) -> one_output : an_output_that_is_out) : no_output));        \
        if                                                                                         \
        :: z && x == 0 -> Q(w, p).key = 1; Q(w, p).pos = Q(w, p).pos + i                           \
        :: else -> Q(w, p).key = 0; Q(w, p).pos = 2 * y + 2; Q(w, p).is_dirty = 1                  \
        fi; CLEAR }                                                                                \
    :: d_step { HAS_RECORD(w, p) && IS_COLD(w, p, KEY(w, p)) &&                                    \
        (Q(w, p).held || IS_USABLE(w, p)) ->                                                       \
        x = KEY(w, p);                                                                             \
        if                                                                                         \
        :: IS_USABLE(w, p) ->                                                                      \
            Q(w, p).e[x] = rd[p].e[x];                                                             \
            Q(w, p).resident = Q(w, p).resident | (1 << x);                                        \
            printf("%c loads stakeholder %d of partition %d, up to %d\n", NAME(w), x, p,           \
                   APP(rd[p].e[x]))                                                                \
        :: else ->                                                                                 \
            Q(w, p).held = 0;                                                                      \
            printf("%c refuses what it loads of partition %d\n", NAME(w), p)                       \
        fi; CLEAR }                                                                                \
    :: d_step { Q(w, p).state == RUNNING && Q(w, p).pos == 2 * n_log[p] && n_ticks < TICKS * NP && \
        n_of(ticks[p]) < TICKS ->                                                                  \
        ticks[p] = ticks[p] | (1 << n_log[p]);                                                     \
        n_log[p]++;                                                                                \
        n_ticks++;                                                                                 \
        printf("%c appends tick %d to partition %d\n", NAME(w), n_log[p] - 1, p); CLEAR }          \
    /* the checkpoint */                                                                           \
    :: d_step { Q(w, p).state == RUNNING && !Q(w, p).is_cut && Q(w, p).is_dirty &&                 \
        Q(w, p).held && !Q(w, p).key &&                                                            \
        Q(w, p).pos % 2 == 0 && Q(w, p).pos / 2 > Q(w, p).n ->                                     \
        Q(w, p).is_cut = 1;                                                                        \
        Q(w, p).cut_off = Q(w, p).pos / 2;                                                         \
        Q(w, p).cut = Q(w, p).dirty;                                                               \
        Q(w, p).ce[0] = ((Q(w, p).dirty & 1) -> Q(w, p).e[0] : 0);                                 \
        Q(w, p).ce[1] = ((Q(w, p).dirty & 2) -> Q(w, p).e[1] : 0);                                 \
        Q(w, p).dirty = 0;                                                                         \
        Q(w, p).is_dirty = 0;                                                                      \
        printf("%c cuts partition %d at %d\n", NAME(w), p, Q(w, p).cut_off); CLEAR }               \
    :: d_step { CAN_WRITE(w, p) ->                                                                 \
        as_fence = Q(w, p).fence; as_seq = Q(w, p).seq; as_writer = Q(w, p).writer;                \
        as_rest = REST(w, p); as_off = Q(w, p).cut_off;                                            \
        as_e0 = Q(w, p).ce[0]; as_e1 = Q(w, p).ce[1];                                              \
        run_write(p);                                                                              \
        printf("%c writes a chunk of partition %d up to %d: %e\n", NAME(w), p, Q(w, p).cut_off,    \
               (ok -> let_in : refused));                                                          \
        if                                                                                         \
        :: !ok -> Q(w, p).held = 0                                                                 \
        :: else ->                                                                                 \
            Q(w, p).seq = Q(w, p).seq + 1;                                                         \
            Q(w, p).writer = Q(w, p).fence;                                                        \
            Q(w, p).done = Q(w, p).done + 1;                                                       \
            if                                                                                     \
            :: rest == 0 -> written(w, p)                                                          \
            :: else                                                                                \
            fi                                                                                     \
        fi; CLEAR }                                                                                \
    :: d_step { MAY_LOSE && CAN_WRITE(w, p) && late.kind == 0 ->                                   \
        LOSE;                                                                                      \
        late_write(w, p);                                                                          \
        printf("a copy of %c's chunks of partition %d up to %d is held up\n", NAME(w), p,          \
               Q(w, p).cut_off); CLEAR }                                                           \
    :: d_step { MAY_LOSE && CAN_WRITE(w, p) && late.kind == 0 ->                                   \
        LOSE;                                                                                      \
        late_write(w, p);                                                                          \
        Q(w, p).held = 0;                                                                          \
        printf("%c sends chunks of partition %d up to %d and hears nothing\n", NAME(w), p,         \
               Q(w, p).cut_off); CLEAR }                                                           \
    :: d_step { MAY_FAIL && n_crashes < CRASHES && CAN_WRITE(w, p) && late.kind == 0 ->            \
        late_write(w, p);                                                                          \
        crash(w);                                                                                  \
        printf("%c crashes with chunks of partition %d on their way\n", NAME(w), p); CLEAR }

#ifdef WALL_CLOCK
#define FIRED(is) ((is) -> 64 : 0)
#else
#define FIRED(is) 0
#endif
#define n_of(mask)                                                                                 \
    (((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1) + (((mask) >> 3) & 1))

/* ---- the steps of a worker, its transactions and its membership ---- */

#if NP > 1
/* Outputs to publish, or offsets alone. */
#define HAS_MORE(w)                                                                                \
    (wp[WP(w, 0)].wait || wp[WP(w, 1)].wait || HAS_MOVED(w, 0, 0) || HAS_MOVED(w, 1, 0))
#define TAKE_ALONG(w, t, u) take_along(w, 0, t); take_along(w, 1, u)
#define HAS_OFFSETS(w) (wk[w].upto[0] || wk[w].upto[1])
#else
#define HAS_MORE(w) (wp[WP(w, 0)].wait || HAS_MOVED(w, 0, 0))
#define TAKE_ALONG(w, t, u) take_along(w, 0, t)
#define HAS_OFFSETS(w) (wk[w].upto[0])
#endif

inline offsets(w)
{
    if
    :: !wk[w].ep || (HAS_OFFSETS(w) && !IS_MEMBER(w)) -> fenced_out(w)
    :: else ->
        wk[w].open = 1;
        wk[w].pend[0] = wk[w].upto[0];
#if NP > 1
        wk[w].pend[1] = wk[w].upto[1];
#endif
        wk[w].flight = AT_END
    fi
}

/* The first partition of the batch that is still the one it was. */
#if NP > 1
#define WITNESS(w)                                                                                 \
    ((wk[w].upto[0] && !wk[w].gone[0]) -> 0 : ((wk[w].upto[1] && !wk[w].gone[1]) -> 1 : 2))
#else
#define WITNESS(w) ((wk[w].upto[0] && !wk[w].gone[0]) -> 0 : 2)
#endif
#define CAN_VERIFY(w) (WITNESS(w) == 2 || IS_STABLE(WITNESS(w) % NP))

inline verify(w)
{
    x = WITNESS(w);
    if
    :: x < 2 && m[x % NP] == COMMITTED(wk[w].upto[x % NP]) -> settle_all(w, true)
    :: x < 2 && m[x % NP] != COMMITTED(wk[w].upto[x % NP]) &&
       m[x % NP] != wp[WP(w, x % NP)].com ->
        again_if_in(w, 0);
#if NP > 1
        again_if_in(w, 1);
#endif
        settle_all(w, false)
    :: else -> settle_all(w, false)
    fi
}

#if NP > 1
#define IS_WAITED_FOR(v)                                                                           \
    ((wk[v].pend[0] && wp[WP(1 - (v), 0)].state == READING) ||                                     \
     (wk[v].pend[1] && wp[WP(1 - (v), 1)].state == READING))
#define SPLIT(w)                                                                                   \
    :: d_step { wk[w].flight == IDLE && wk[w].joined && wp[WP(w, 0)].wait ->                       \
        TAKE_ALONG(w, 1 << LOWEST(wp[WP(w, 0)].wait), 0);                                          \
        begin_transaction(w);                                                                      \
        printf("%c hands one output over\n", NAME(w)); CLEAR }                                     \
    :: d_step { wk[w].flight == IDLE && wk[w].joined && wp[WP(w, 1)].wait ->                       \
        TAKE_ALONG(w, 0, 1 << LOWEST(wp[WP(w, 1)].wait));                                          \
        begin_transaction(w);                                                                      \
        printf("%c hands one output over\n", NAME(w)); CLEAR }
#else
#define IS_WAITED_FOR(v) (wk[v].pend[0] && wp[WP(1 - (v), 0)].state == READING)
#define SPLIT(w)                                                                                   \
    :: d_step { wk[w].flight == IDLE && wk[w].joined &&                                            \
        (wp[WP(w, 0)].wait & ~(1 << LOWEST(wp[WP(w, 0)].wait))) ->                                 \
        TAKE_ALONG(w, 1 << LOWEST(wp[WP(w, 0)].wait), 0);                                          \
        begin_transaction(w);                                                                      \
        printf("%c hands one output over, up to %d+%d\n", NAME(w), wk[w].upto[0] / 2,              \
               wk[w].upto[0] % 2); CLEAR }
#endif

inline end_unseen(w)
{
#ifdef NO_NEW_PRODUCER
    wk[w].late = 1;
    abort_transaction(w);
    settle_all(w, false)
#else
    fenced_out(w)
#endif
}

#define WORKER_STEPS(w)                                                                            \
    :: d_step { wk[w].flight == IDLE && wk[w].joined && HAS_MORE(w) ->                             \
        TAKE_ALONG(w, 255, 255);                                                                   \
        begin_transaction(w);                                                                      \
        printf("%c hands all it has over, up to %d+%d\n", NAME(w), wk[w].upto[0] / 2,              \
               wk[w].upto[0] % 2); CLEAR }                                                         \
    SPLIT(w)                                                                                       \
    :: d_step { wk[w].flight == AT_OFFSET ->                                                       \
        offsets(w);                                                                                \
        printf("the offsets of %c's transaction are %e\n", NAME(w),                                \
               (wk[w].flight == AT_END -> accepted : refused)); CLEAR }                            \
    :: d_step { MAY_LOSE && wk[w].flight == AT_OFFSET ->                                           \
        LOSE;                                                                                      \
        init_producer(w);                                                                          \
        settle_all(w, false);                                                                      \
        printf("%c hears nothing of its offsets and aborts\n", NAME(w)); CLEAR }                   \
    :: d_step { wk[w].flight == AT_END ->                                                          \
        if                                                                                         \
        :: wk[w].ep -> commit_transaction(w); settle_all(w, true)                                  \
        :: else -> fenced_out(w)                                                                   \
        fi;                                                                                        \
        printf("%c's EndTxn: %e\n", NAME(w),                                                       \
               (wk[w].flight == VERIFYING -> fenced : committed)); CLEAR }                         \
    :: d_step { MAY_LOSE && wk[w].flight == AT_END && wk[w].ep ->                                  \
        LOSE;                                                                                      \
        commit_transaction(w);                                                                     \
        fenced_out(w);                                                                             \
        printf("%c's EndTxn commits, but %c hears nothing\n", NAME(w), NAME(w)); CLEAR }           \
    :: d_step { MAY_LOSE && wk[w].flight == AT_END && wk[w].ep ->                                  \
        LOSE;                                                                                      \
        end_unseen(w);                                                                             \
        printf("%c hears nothing of its EndTxn, which travels on\n", NAME(w)); CLEAR }             \
    :: d_step { wk[w].flight == VERIFYING && CAN_VERIFY(w) ->                                      \
        verify(w);                                                                                 \
        printf("%c reads what became of its transaction\n", NAME(w)); CLEAR }                      \
    :: d_step { wk[w].late ->                                                                      \
        wk[w].late = 0;                                                                            \
        commit_transaction(w);                                                                     \
        printf("a late EndTxn of %c arrives\n", NAME(w)); CLEAR }                                  \
    :: d_step { wk[w].open && (!wk[w].up || IS_WAITED_FOR(w)) ->                                   \
        init_producer(w);                                                                          \
        wk[w].ep = 0;                                                                              \
        printf("the transaction that %c left open is aborted\n", NAME(w)); CLEAR }                 \
    /* membership */                                                                               \
    :: d_step { MAY_FAIL && n_kicks < KICKS && wk[w].up && wk[w].member && !is_rebalancing ->      \
        n_kicks++; n_faults++;                                                                     \
        wk[w].member = 0;                                                                          \
        wk[w].cur = 0;                                                                             \
        begin_rebalance();                                                                         \
        printf("%c is not heard of any more: out of the group\n", NAME(w)); CLEAR }                \
    :: d_step { is_rebalancing && wk[w].up && wk[w].joined && wk[w].member && !wk[w].rejoined ->   \
        disown_all(w);                                                                             \
        wk[w].rejoined = 1;                                                                        \
        printf("%c gives back what it has and rejoins\n", NAME(w)); CLEAR }                        \
    :: d_step { !wk[w].up && wk[w].member ->                                                       \
        wk[w].member = 0;                                                                          \
        begin_rebalance();                                                                         \
        printf("%c's session is over\n", NAME(w)); CLEAR }                                         \
    :: d_step { wk[w].up && wk[w].joined && !wk[w].member ->                                       \
        disown_all(w);                                                                             \
        join(w);                                                                                   \
        printf("%c learns that it is out, and joins\n", NAME(w)); CLEAR }                          \
    /* life */                                                                                     \
    :: d_step { MAY_FAIL && n_crashes < CRASHES && wk[w].up ->                                     \
        wk[w].late = (wk[w].late || (wk[w].flight == AT_END && wk[w].ep));                         \
        crash(w);                                                                                  \
        printf("%c crashes\n", NAME(w)); CLEAR }                                                   \
    :: d_step { !wk[w].up ->                                                                       \
        wk[w].up = 1;                                                                              \
        init_producer(w);                                                                          \
        join(w);                                                                                   \
        printf("%c starts, and joins\n", NAME(w)); CLEAR }

/* ---- everybody else ---- */

/* No further failover is to come: the replica does not matter. */
#define FORGET_SNAP(p)                                                                             \
    if                                                                                             \
    :: n_failovers == FAILOVERS ->                                                                 \
        snap[p].seq = 0; snap[p].n = 0; snap[p].was_set = 0; snap[p].fence = 0;                    \
        snap[p].writer = 0; snap[p].e[0] = 0; snap[p].e[1] = 0                                     \
    :: else                                                                                        \
    fi;

#define EACH_PARTITION(p)                                                                          \
    :: d_step { n_of_events(p) < EVENTS ->                                                         \
        n_log[p]++;                                                                                \
        n_events++;                                                                                \
        printf("event %d comes to partition %d\n", n_log[p] - 1, p); CLEAR }                       \
    :: d_step { MAY_FAIL && n_failovers < FAILOVERS && !is_snapped[p] && rd[p].fence &&            \
        !is_expired ->                                                                             \
        snap[p].seq = rd[p].seq; snap[p].n = rd[p].n; snap[p].was_set = rd[p].was_set;             \
        snap[p].fence = rd[p].fence; snap[p].writer = rd[p].writer;                                \
        snap[p].e[0] = rd[p].e[0]; snap[p].e[1] = rd[p].e[1];                                      \
        is_snapped[p] = 1;                                                                         \
        printf("the replica of Redis has partition %d up to here\n", p); CLEAR }                   \
    :: d_step { MAY_FAIL && n_failovers < FAILOVERS && rd[p].fence && !is_expired ->               \
        n_failovers++; n_faults++;                                                                 \
        rd[p].seq = snap[p].seq; rd[p].n = snap[p].n; rd[p].was_set = snap[p].was_set;             \
        rd[p].fence = snap[p].fence; rd[p].writer = snap[p].writer;                                \
        rd[p].e[0] = snap[p].e[0]; rd[p].e[1] = snap[p].e[1];                                      \
        is_snapped[p] = (n_failovers == FAILOVERS);                                                \
        FORGET_SNAP(p)                                                                             \
        wp[WP(0, p)].notice = wp[WP(0, p)].held;                                                   \
        wp[WP(1, p)].notice = wp[WP(1, p)].held;                                                   \
        printf("Redis fails over: partition %d is at N = %d again\n", p, rd[p].n); CLEAR }         \
    :: d_step { MAY_FAIL && n_expires < EXPIRES && n_failovers == 0 && rd[p].was_set && m[p] &&    \
        !wk[0].member && !wk[1].member && wk[0].pend[p] == 0 && wk[1].pend[p] == 0 ->              \
        n_expires++; n_faults++;                                                                   \
        m[p] = 0;                                                                                  \
        is_expired = 1;                                                                            \
        printf("the group's offset of partition %d expires\n", p); CLEAR }

#define LATE_STEP(p)                                                                               \
    :: d_step { late.kind && late.part == p ->                                                     \
        printf("a late script of partition %d arrives\n", p);                                      \
        late_runs(p); CLEAR }

#define n_of_events(p) (n_log[p] - n_of(ticks[p]))

inline late_runs(p)
{
    if
    :: late.kind == 1 ->
        as_known = late.known; as_token = late.fence;
        run_acquire(p);
        forget_late();
        renumber(p);
        rest = 0
    :: else ->
        as_fence = late.fence; as_seq = late.seq; as_writer = late.writer;
        as_rest = late.rest; as_off = late.off; as_e0 = late.e[0]; as_e1 = late.e[1];
        run_write(p);
        if
        :: ok && rest ->
            late.seq = late.seq + 1;
            late.writer = late.fence;
            late.rest = rest;
            late.e[0] = 0
        :: else -> rest = 0
        fi
    fi;
    if
    :: rest == 0 -> forget_late()
    :: else
    fi
}

#define ASSIGN(w, p) wp[WP(w, p)].state = (wk[w].joined -> ACQUIRING : UNOWNED)

#define IS_DONE(p)                                                                                 \
    (n_of_events(p) == EVENTS && n_of(ticks[p]) == TICKS && rd[p].n == n_log[p] &&                 \
     m[p] == 2 * n_log[p])
#define IS_QUIET(w) (!wk[w].open && wk[w].flight == IDLE)
#define IS_STOPPED(p) (wp[WP(0, p)].state == STOPPED || wp[WP(1, p)].state == STOPPED)

inline check_end(p)
{
    assert((IMPLIED(p, n_log[p]) & ~vis[p]) == 0);
    assert(VAL(rd[p].e[0]) == FOLD(p, 0, n_log[p]) && VAL(rd[p].e[1]) == FOLD(p, 1, n_log[p]))
}

#if NP > 1
#define ALL_DONE    (IS_DONE(0) && IS_DONE(1))
#define ANY_STOPPED (IS_STOPPED(0) || IS_STOPPED(1))
#else
#define ALL_DONE    IS_DONE(0)
#define ANY_STOPPED IS_STOPPED(0)
#endif

inline check_all()
{
    check_end(0);
#if NP > 1
    check_end(1);
#endif
#ifdef REACH_END
    assert(false);
#endif
    CLEAR
}

init
{
    d_step {
        wk[0].up = 1; wk[0].joined = 1; wk[0].member = 1; wk[0].cur = 1; wk[0].ep = 1;
        wk[1].up = 1; wk[1].joined = 1; wk[1].member = 1; wk[1].cur = 1; wk[1].ep = 1;
        n_log[0] = FIRST;
        ASSIGN(0, 0);
#if NP > 1
        n_log[1] = FIRST;
        ASSIGN(1, 1);
#endif
    }
    do
    PARTITION_STEPS(0, 0)
    PARTITION_STEPS(1, 0)
    WORKER_STEPS(0)
    WORKER_STEPS(1)
    EACH_PARTITION(0)
    LATE_STEP(0)
#if NP > 1
    PARTITION_STEPS(0, 1)
    PARTITION_STEPS(1, 1)
    EACH_PARTITION(1)
    LATE_STEP(1)
#endif
    :: d_step { MAY_FAIL && n_kicks < KICKS && !is_rebalancing && (wk[0].member || wk[1].member) ->
        n_kicks++; n_faults++;
        begin_rebalance();
        printf("the group rebalances\n"); CLEAR }
#if NP > 1
    :: d_step { IS_COMPLETE && wk[0].member -> ASSIGN(0, 0); ASSIGN(0, 1); new_generation();
        printf("all partitions go to A\n"); CLEAR }
    :: d_step { IS_COMPLETE && wk[0].member && wk[1].member -> ASSIGN(0, 0); ASSIGN(1, 1);
        new_generation(); printf("A has partition 0, B has 1\n"); CLEAR }
    :: d_step { IS_COMPLETE && wk[0].member && wk[1].member -> ASSIGN(1, 0); ASSIGN(0, 1);
        new_generation(); printf("A has partition 1, B has 0\n"); CLEAR }
    :: d_step { IS_COMPLETE && wk[1].member -> ASSIGN(1, 0); ASSIGN(1, 1); new_generation();
        printf("all partitions go to B\n"); CLEAR }
#else
    :: d_step { IS_COMPLETE && wk[0].member -> ASSIGN(0, 0); new_generation();
        printf("the partition goes to A\n"); CLEAR }
    :: d_step { IS_COMPLETE && wk[1].member -> ASSIGN(1, 0); new_generation();
        printf("the partition goes to B\n"); CLEAR }
#endif
#ifdef WALL_CLOCK
    :: d_step { !clock -> clock = 1; printf("the timer's time comes, by the wall clock\n"); CLEAR }
#endif
    :: d_step { IS_QUIET(0) && IS_QUIET(1) && ALL_DONE -> check_all() } -> break
    :: is_expired && ANY_STOPPED -> break
    od
}
