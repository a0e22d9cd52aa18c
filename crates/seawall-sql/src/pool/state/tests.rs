use super::*;

#[test]
fn who_cannot_be_served_in_time_leaves_at_once() {
    let now = Instant::now();
    let mut state = State::new(1, 0, &PoolConfig::default()).unwrap();
    let caller = |time: u64, priority| Caller {
        place: Location::caller(),
        priority,
        deadline: Some((now + Duration::from_millis(time)).into_std()),
    };
    // Somebody has the only one, and it usually takes a second.
    state.open = 1;
    state.usual_loan = 1.0;
    let normal = Priority::Normal;
    assert!(matches!(state.enter(&caller(400, normal), now), Entered::Refused(HOPELESS)));
    let first = state.enter(&caller(600, normal), now);
    assert!(matches!(first, Entered::Waiting(Entrance { dials: false, .. })));
    assert!(matches!(state.enter(&caller(900, normal), now), Entered::Refused(HOPELESS)));
    // Nobody is ahead of this one.
    assert!(matches!(state.enter(&caller(900, Priority::High), now), Entered::Waiting(_)));
}

#[test]
fn there_are_never_more_being_opened_than_callers_wait_or_than_there_is_room_for() {
    let now = Instant::now();
    let mut state = State::new(2, 1, &PoolConfig::default()).unwrap();
    let mut places = Vec::new();
    for opening in [1, 2, 3, 3, 3] {
        let caller = Caller { place: Location::caller(), priority: Priority::Normal, deadline: None };
        let Entered::Waiting(entrance) = state.enter(&caller, now) else {
            panic!("nothing is there to be lent")
        };
        places.push(entrance);
        assert_eq!(state.opening, opening);
    }
    // One fails: its caller is told, and another one is tried for those who wait on.
    let (told, dials) = state.dial_failed(false, now);
    assert!(told.is_some() && dials);
    assert_eq!((state.opening, state.queue.len()), (3, 4));
    // Who leaves does not stop what is being opened.
    for entrance in places.split_off(1) {
        state.withdraw(entrance.key);
    }
    assert_eq!((state.opening, state.queue.len()), (3, 0));
    assert!(!state.dial_failed(false, now).1, "nobody waits");
    assert!(state.dial_pause(0.0) > Duration::ZERO && state.dial_pause(1.0) <= LONGEST_PAUSE);
}

#[test]
fn a_server_without_room_makes_callers_wait_for_what_is_open() {
    let now = Instant::now();
    let mut state = State::new(2, 0, &PoolConfig::default()).unwrap();
    let caller = Caller { place: Location::caller(), priority: Priority::Normal, deadline: None };
    state.open = 1;
    assert!(matches!(state.enter(&caller, now), Entered::Waiting(_)));
    let (told, dials) = state.dial_failed(true, now);
    assert!(told.is_none() && dials);
    state.open = 0;
    assert!(state.dial_failed(true, now).0.is_some(), "nothing is open to wait for");
}
