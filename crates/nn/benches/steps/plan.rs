//! How two threads share a step: the plans, and the halves of a batch.

use super::workloads::{Data, Network, Targets, Workload};

/// What two threads share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// Nothing: one thread does everything.
    Whole,
    /// Every large product and update, in two parts.
    Parts,
    /// The batch: each thread takes half of the samples, then half of the update.
    Halves,
}

impl std::str::FromStr for Plan {
    type Err = String;

    fn from_str(name: &str) -> Result<Plan, String> {
        let plans = [("whole", Plan::Whole), ("parts", Plan::Parts), ("halves", Plan::Halves)];
        let found = plans.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, plan)| plan).ok_or(format!("`{name}` is not whole, parts or halves"))
    }
}

/// The fastest plan for a workload, as far as the plans were compared with `--plan` (`peers/workloads.md`).
pub fn best(workload: &str) -> Plan {
    match (rayon::current_num_threads(), workload) {
        (1, _) | (_, "xor") => Plan::Whole,
        (_, "tanh") => Plan::Parts,
        _ => Plan::Halves,
    }
}

/// The data of each half of the samples, for every time step if there are several.
pub fn halves<T: Copy>(Data { inputs, targets }: Data<T>, workload: &Workload) -> [Data<T>; 2] {
    let times = match workload.network {
        Network::Recurrent { times, .. } => times,
        _ => 1,
    };
    [0, 1].map(|k| Data {
        inputs: inputs.chunks(inputs.len() / times).flat_map(|x| half(x, k)).collect(),
        targets: match &targets {
            Targets::Classes(t) => Targets::Classes(half(t, k)),
            Targets::Values(t) => Targets::Values(half(t, k)),
        },
    })
}

fn half<T: Copy>(x: &[T], k: usize) -> Vec<T> {
    x.chunks(x.len() / 2).nth(k).expect("two halves").to_vec()
}
