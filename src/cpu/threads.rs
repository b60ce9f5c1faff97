//! The threads that the CPU computes on: as many as were asked for, or as many as the system gives.
//!
//! rayon panics where its own pool cannot be started, as under a limit of processes. So that pool is started here, and where
//! it cannot be, there is one of fewer threads, down to the thread that calls.

use std::{
    env,
    error::Error as _,
    sync::{Arc, OnceLock},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// More than any machine has cores: more are asked for by mistake.
pub(super) const MOST_THREADS: usize = 1024;

/// How many are started at the most, whoever asks for them: some times as many as the machine runs at once. Many more only get in each
/// other's way.
fn most_of_use() -> usize {
    of_machine().saturating_mul(4).max(64)
}

fn of_machine() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Which threads.
#[derive(Clone, Debug)]
pub(super) enum Threads {
    /// Those of the pool that the calling thread is in; outside of any, of rayon's global one.
    Callers,
    /// Those of this pool.
    Pool(Arc<ThreadPool>),
    /// The calling one, where the system gives no others.
    Calling,
}

impl Threads {
    /// A pool of `count` threads; of fewer where that is more than is of use or the system gives; or the calling thread.
    pub(super) fn at_most(count: usize) -> Self {
        let mut threads = count.min(most_of_use());
        while threads > 0 {
            let name = |index| format!("perceptual-loss {index}");
            match ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build() {
                Ok(pool) if threads == count => return Self::Pool(Arc::new(pool)),
                Ok(pool) => {
                    tracing::warn!(
                        "{threads} threads work: {count} are of no use here, or the system gives no more"
                    );
                    return Self::Pool(Arc::new(pool));
                }
                Err(_) => threads /= 2,
            }
        }
        tracing::warn!("the calling thread works alone: the system gives no other");
        Self::Calling
    }

    /// Runs `work` on them.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Self::Callers => on_callers(work),
            Self::Pool(pool) => pool.install(work),
            Self::Calling => on_calling(work),
        }
    }
}

/// Runs `work` where rayon's functions find threads: in the pool that the calling thread is in, else in rayon's global one.
pub(super) fn on_callers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    /// What there is in the place of rayon's global pool, if that cannot be started.
    static INSTEAD: OnceLock<Option<Threads>> = OnceLock::new();
    if rayon::current_thread_index().is_some() {
        return work();
    }
    match INSTEAD.get_or_init(start_global) {
        Some(instead) => instead.run(work),
        None => work(),
    }
}

/// Starts rayon's global pool, unless somebody has; gives what is to be used instead where that is refused.
fn start_global() -> Option<Threads> {
    let count = wanted(|name| env::var(name).ok());
    let started = ThreadPoolBuilder::new().num_threads(count).build_global();
    // An error without a source says that the pool is there.
    let is_refused = started.is_err_and(|error| error.source().is_some());
    // There is no second try: rayon remembers that there is no pool.
    is_refused.then(|| Threads::at_most(count))
}

/// How many threads rayon's global pool is to have: what rayon's variables say, else what the machine runs at once.
fn wanted(variable: impl Fn(&str) -> Option<String>) -> usize {
    let asked = |name: &str| variable(name)?.parse::<usize>().ok();
    let count = match asked("RAYON_NUM_THREADS").or_else(|| asked("RAYON_RS_NUM_CPUS")) {
        None | Some(0) => of_machine(),
        Some(count) => count,
    };
    let most = most_of_use();
    if count > most {
        tracing::warn!("{most} threads work: {count} are of no use here");
    }
    count.min(most)
}

/// Runs `work` on the calling thread alone, unless it is in a pool already.
fn on_calling<T>(work: impl FnOnce() -> T) -> T {
    if rayon::current_thread_index().is_none() {
        // A pool that the thread is in from now on: rayon asks for one, even for work that is not divided.
        let pool = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
        // It is the thread's to its end.
        std::mem::forget(pool);
    }
    work()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn no_way_to_say_the_number_goes_beyond_what_is_of_use() {
        let (machine, most) = (of_machine(), most_of_use());
        assert!(most >= 64 && most >= machine);
        let on_pool = Threads::at_most(MOST_THREADS).run(rayon::current_num_threads);
        assert!(on_pool <= most, "{on_pool} threads");
        for (variables, count) in [
            (&[][..], machine),
            (&[("RAYON_NUM_THREADS", "3")], 3),
            (&[("RAYON_NUM_THREADS", "100000")], most),
            (&[("RAYON_RS_NUM_CPUS", "18446744073709551615")], most),
            (&[("RAYON_NUM_THREADS", "2"), ("RAYON_RS_NUM_CPUS", "5")], 2),
            (&[("RAYON_NUM_THREADS", "0")], machine),
            (&[("RAYON_NUM_THREADS", "many")], machine),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(wanted(variable), count, "{variables:?}");
        }
    }

    /// All that is asked of rayon works on one thread that is in no pool, and it is that thread.
    #[test]
    fn the_calling_thread_is_enough() {
        let alone = || {
            let caller = thread::current().id();
            let sum = || {
                let sums: u32 = (0..1000u32).into_par_iter().sum();
                let ids = rayon::broadcast(|_| thread::current().id());
                (sums, ids, rayon::current_num_threads())
            };
            for _ in 0..2 {
                assert_eq!(Threads::Calling.run(sum), (499_500, vec![caller], 1));
            }
        };
        thread::spawn(alone).join().unwrap();
    }

    /// A pool is kept where the thread is in one.
    #[test]
    fn a_pools_own_threads_stay_in_it() {
        let Threads::Pool(pool) = Threads::at_most(3) else { panic!("this machine gives three threads") };
        for threads in [Threads::Callers, Threads::Calling] {
            assert_eq!(pool.install(|| threads.run(rayon::current_num_threads)), 3);
        }
    }
}
