use std::io::{self, Write};

use super::record::{CallRecord, End, Run, Second};

impl Run {
    /// Writes all that happened as text, one line for each call and each second: for two runs that are the same, the
    /// same bytes.
    ///
    /// Times are in nanoseconds.
    ///
    /// # Errors
    /// Those of `out`. It is written to in small pieces: buffer it.
    pub fn trace(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "call,arrived,client,priority,took,attempts,end")?;
        for call in &self.calls {
            trace_call(call, out)?;
        }
        writeln!(
            out,
            "second,attempts,from_clients,refusals,queued,waiting,limit,open,budget,utilisation,worked,wasted"
        )?;
        for (index, second) in self.seconds.iter().enumerate() {
            trace_second(index, second, out)?;
        }
        writeln!(out, "total,{},{}", self.worked.as_nanos(), self.wasted.as_nanos())
    }
}

fn trace_call(call: &CallRecord, out: &mut impl Write) -> io::Result<()> {
    let CallRecord { arrived, client, priority, took, attempts, end } = call;
    let (arrived, priority, took) = (arrived.as_nanos(), priority.as_str(), took.as_nanos());
    let end = match end {
        End::Answered => "answered",
        End::Failed(kind) => kind.as_str(),
        End::Lost => "lost",
    };
    writeln!(out, "call,{arrived},{client},{priority},{took},{attempts},{end}")
}

fn trace_second(index: usize, second: &Second, out: &mut impl Write) -> io::Result<()> {
    let Second {
        attempts,
        from_clients,
        refusals,
        queued,
        waiting,
        limit,
        open,
        budget,
        utilisation,
        worked,
        wasted,
    } = second;
    let or_dash = |value: &Option<f64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let (limit, budget) = (or_dash(limit), or_dash(budget));
    let (worked, wasted) = (worked.as_nanos(), wasted.as_nanos());
    writeln!(
        out,
        "second {index},{attempts},{from_clients},{refusals},{queued},{waiting},{limit},{open},{budget},\
         {utilisation},{worked},{wasted}"
    )
}
