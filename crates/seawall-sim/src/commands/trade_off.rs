use std::fs;
use std::io::Write;

use seawall_sim::report;
use seawall_sim::trade_off::TradeOff;

use crate::args::TradeOffArgs;
use crate::failure::Failure;

/// Measures what P4 gains by what P2 pays, and draws it.
pub(crate) fn trade_off(args: &TradeOffArgs, out: &mut dyn Write) -> Result<(), Failure> {
    let measured = TradeOff::measure(&args.seeds.0)?;
    report::trade_off::markdown(&measured, out)?;
    if let Some(file) = &args.plot {
        let drawn = report::trade_off::svg(&measured);
        fs::write(file, drawn).map_err(|cause| Failure::File { file: file.clone(), cause })?;
    }
    Ok(())
}
