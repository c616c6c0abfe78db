// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

import java.util.ArrayList;
import java.util.List;

/**
 * The job for one stakeholder: its state, what an event does to it, and what time does. The libraries only
 * keep it, wake it and carry its triggers.
 */
public final class Profile {
    /** No moment at which time alone changes something. */
    public static final long NEVER = Long.MAX_VALUE;
    private static final double LN2 = Math.log(2);

    /** Who takes the triggers. */
    public interface Sink {
        /** counts is null but with involved fired, obligation is null but with unanswered; time in milliseconds. */
        void trigger(String rule, boolean isFired, long time, long[] counts, String obligation);
    }

    private static final class Obligation {
        final String conversation;
        final String id;
        final long opened;
        boolean isFired;

        Obligation(String conversation, String id, long opened, boolean isFired) {
            this.conversation = conversation;
            this.id = id;
            this.opened = opened;
            this.isFired = isFired;
        }
    }

    /** The moment for which the library holds a timer, or NEVER: kept with the state, not changed here. */
    public long timer = NEVER;
    private double involvement;
    /** Of the involvement's last change. */
    private long changed;
    /** When involvement will be down at exit; NEVER while it is not fired. */
    private long clears = NEVER;
    private List<Obligation> obligations = List.of();
    private Counts counts = new Counts();

    /** Applies an event; what was due before it comes first. */
    public void apply(Event e, Job job, Sink out) {
        settle(e.time, job, out);
        if (e.does(Job.CLOSES)) {
            close(e, out);
        }
        if (e.does(Job.OPENS)) {
            open(e);
        }
        if (e.does(Job.COUNTS)) {
            count(e, job, out);
        }
    }

    private void count(Event e, Job job, Sink out) {
        counts.add(e.time, widest(job));
        involvement = involvement * Math.exp(-LN2 * (e.time - changed) / job.halfLifeMs) + e.weight;
        changed = e.time;
        if (clears == NEVER && involvement < job.enter) {
            return;
        }
        if (clears == NEVER) {
            out.trigger("involved", true, e.time, counts.within(job.windowsMs, e.time), null);
        }
        clears = e.time + (long) Math.ceil(job.halfLifeMs * Math.log(involvement / job.exit) / LN2);
    }

    private static long widest(Job job) {
        long widest = 0;
        for (long w : job.windowsMs) {
            widest = Math.max(widest, w);
        }
        return widest;
    }

    private Obligation find(String conversation) {
        for (Obligation o : obligations) {
            if (o.conversation.equals(conversation)) {
                return o;
            }
        }
        return null;
    }

    private void open(Event e) {
        if (find(e.conversation) != null) {
            return;
        }
        if (obligations.isEmpty()) {
            obligations = new ArrayList<>(2);
        }
        obligations.add(new Obligation(e.conversation, e.id, e.time, false));
    }

    private void close(Event e, Sink out) {
        Obligation o = find(e.conversation);
        if (o == null) {
            return;
        }
        obligations.remove(o);
        if (o.isFired) {
            out.trigger("unanswered", false, e.time, null, o.id);
        }
    }

    /** Does what time alone does up to `now`: a crossing at `now` is done, a deadline at `now` not yet. */
    public void settle(long now, Job job, Sink out) {
        if (clears <= now) {
            out.trigger("involved", false, clears, null, null);
            clears = NEVER;
        }
        for (Obligation o : obligations) {
            if (!o.isFired && o.opened + job.obligationAfterMs < now) {
                o.isFired = true;
                out.trigger("unanswered", true, o.opened + job.obligationAfterMs, null, o.id);
            }
        }
    }

    /** The next moment that settle has something to do, once time is past it; or NEVER. */
    public long due(Job job) {
        long due = clears;
        for (Obligation o : obligations) {
            due = o.isFired ? due : Math.min(due, o.opened + job.obligationAfterMs);
        }
        return due;
    }

    public byte[] pack() {
        Wire.Writer w = new Wire.Writer(96 + counts.size);
        w.varint(timer);
        w.number(involvement);
        w.varint(changed);
        w.varint(clears);
        w.varint(obligations.size());
        for (Obligation o : obligations) {
            w.text(o.conversation);
            w.text(o.id);
            w.varint(o.opened << 1 | (o.isFired ? 1 : 0));
        }
        w.varint(counts.newest);
        w.varint(counts.limit);
        w.varint(counts.size);
        w.bytes(counts.bytes, counts.size);
        return w.take();
    }

    public static Profile unpack(byte[] packed) {
        Wire.Reader r = new Wire.Reader(packed, 0);
        Profile p = new Profile();
        p.timer = r.varint();
        p.involvement = r.number();
        p.changed = r.varint();
        p.clears = r.varint();
        int n = (int) r.varint();
        p.obligations = n == 0 ? List.of() : new ArrayList<>(n + 1);
        for (int i = 0; i < n; i++) {
            String conversation = r.text();
            String id = r.text();
            long opened = r.varint();
            p.obligations.add(new Obligation(conversation, id, opened >>> 1, (opened & 1) != 0));
        }
        long newest = r.varint();
        int limit = (int) r.varint();
        int size = (int) r.varint();
        p.counts = new Counts(r.bytes(size, Counts.ROOM), size, newest, limit);
        return p;
    }

    public Profile copy() {
        Profile p = new Profile();
        p.timer = timer;
        p.involvement = involvement;
        p.changed = changed;
        p.clears = clears;
        p.obligations = obligations.isEmpty() ? List.of() : new ArrayList<>(obligations.size());
        for (Obligation o : obligations) {
            p.obligations.add(new Obligation(o.conversation, o.id, o.opened, o.isFired));
        }
        p.counts = counts.copy();
        return p;
    }
}
