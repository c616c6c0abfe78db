// SPDX-License-Identifier: Apache-2.0
package io.engaged.bench.peers.streams;

import io.engaged.bench.peers.Job;
import io.engaged.bench.peers.Meter;
import io.engaged.bench.peers.Options;
import io.engaged.bench.peers.Profile;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/** Kafka Streams doing the job: builds the topology, runs it to the committed end, says what it cost. */
public final class Main {
    private static final String LOST = "delivery at-least-once: after a crash events are applied to the state "
            + "twice, since state and offsets are not committed together";

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        Options options = new Options(args);
        String application = "bench-streams-" + UUID.randomUUID();
        Progress progress = new Progress(options.events, options.until);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        KafkaStreams streams = new KafkaStreams(topology(options, new Job(options.job), progress),
                properties(options, application));
        streams.setUncaughtExceptionHandler(e -> {
            failure.set(e);
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        String line = null;
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, options.bootstrap))) {
            streams.start();
            while (failure.get() == null && line == null) {
                Thread.sleep(20);
                if (progress.isAtEnd() && progress.isCommitted(admin, application)) {
                    line = Meter.end("kafka-streams", AppInfoParser.getVersion(), Meter.EVENTS.sum(),
                            options.exactlyOnce ? List.of() : List.of(LOST));
                }
            }
            streams.close(Duration.ofSeconds(30));
            admin.deleteTopics(admin.listTopics().names().get().stream().filter(t -> t.startsWith(application))
                    .collect(Collectors.toList())).all().get();
        }
        if (failure.get() != null) {
            throw new IllegalStateException("the stream failed", failure.get());
        }
        System.out.println(line);
    }

    private static Topology topology(Options options, Job job, Progress progress) {
        Topology topology = new Topology();
        topology.addSource(AutoOffsetReset.earliest(), "events", new Serdes.EventTime(), new StringDeserializer(), Serdes.events(job),
                options.events);
        topology.addProcessor("job", () -> new StakeholderProcessor(job, progress), "events");
        StoreBuilder<KeyValueStore<String, Profile>> profiles =
                Stores.keyValueStoreBuilder(store(), org.apache.kafka.common.serialization.Serdes.String(),
                        Serdes.profiles());
        topology.addStateStore(Options.setting("CACHE", "yes").equals("yes") ? profiles.withCachingEnabled()
                : profiles.withCachingDisabled(), "job");
        topology.addSink("triggers", options.triggers, new StringSerializer(), new ByteArraySerializer(), "job");
        return topology;
    }

    private static KeyValueBytesStoreSupplier store() {
        return Options.setting("STORE", "persistent").equals("memory")
                ? Stores.inMemoryKeyValueStore(StakeholderProcessor.PROFILES)
                : Stores.persistentKeyValueStore(StakeholderProcessor.PROFILES);
    }

    private static Properties properties(Options options, String application) {
        Properties p = new Properties();
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.bootstrap);
        p.put(StreamsConfig.STATE_DIR_CONFIG, options.state);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.threads);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
                options.exactlyOnce ? StreamsConfig.EXACTLY_ONCE_V2 : StreamsConfig.AT_LEAST_ONCE);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, Options.setting("COMMIT_MS", "1000"));
        p.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, Options.setting("CACHE_BYTES", "268435456"));
        p.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG),
                Options.setting("POLL_RECORDS", "1000"));
        p.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), Options.setting("BATCH_BYTES", "65536"));
        return p;
    }
}
