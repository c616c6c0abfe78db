// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers;

/** What the job needs of one record. */
public final class Event {
    /** Null: a record to be skipped, which has neither a time. */
    public String stakeholder;
    /** Milliseconds since 1970, UTC. */
    public long time;
    /** Of what it adds to involvement, if it counts. */
    public double weight;
    /** Bits of Job.effect. */
    public int effect;
    /** Null unless it opens or closes. */
    public String conversation;
    /** Null unless it opens. */
    public String id;

    public boolean does(int bit) {
        return (effect & bit) != 0;
    }
}
