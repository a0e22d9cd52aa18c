use seawall_tower::StabilityWarning;

use crate::AsyncIoSystem;

/// A client's name, and what works against itself in its pipeline.
type Warnings = (&'static str, Vec<StabilityWarning>);

impl AsyncIoSystem {
    /// Writes each number of the clients' pipelines that works against another to the log, once.
    pub(crate) fn warn_of_instability(&self) {
        for (pipeline, warnings) in self.stability_warnings() {
            for warning in warnings {
                // By the names of telemetry, which need not be there to hear it.
                tracing::warn!(
                    target: "seawall::resilience",
                    { resilience.pipeline.name = pipeline, resilience.stability.rule = warning.rule() },
                    "{warning}"
                );
            }
        }
    }

    fn stability_warnings(&self) -> impl Iterator<Item = Warnings> {
        let clients: [Option<Warnings>; 4] = [
            #[cfg(feature = "sql")]
            self.parts.sql.pipeline().map(|pipeline| ("sql", pipeline.warnings())),
            #[cfg(not(feature = "sql"))]
            None,
            #[cfg(feature = "redis")]
            self.redis()
                .and_then(seawall_redis::Redis::pipeline)
                .map(|pipeline| ("redis", pipeline.warnings())),
            #[cfg(not(feature = "redis"))]
            None,
            #[cfg(feature = "http")]
            self.parts.http.pipeline().map(|pipeline| ("http", pipeline.warnings())),
            #[cfg(not(feature = "http"))]
            None,
            #[cfg(feature = "fs")]
            self.parts.fs.pipeline().map(|pipeline| ("fs", pipeline.warnings())),
            #[cfg(not(feature = "fs"))]
            None,
        ];
        clients.into_iter().flatten()
    }
}
