use seawall_sql::SqlConfig;

#[test]
fn the_defaults_are_what_the_docs_say() {
    let mut json = serde_json::to_value(SqlConfig::default()).unwrap();
    json.as_object_mut().unwrap().remove("pipeline").expect("pinned by its own crate");
    assert_eq!(
        json,
        serde_json::json!({
            "pool": {
                "size": 10,
                "max_waiters": 1024,
                "wait_timeout": "5s",
                "connect_timeout": "5s",
                "validate_after_idle": "1s",
                "max_lifetime": "30m",
            },
            "sqlite": { "busy_timeout": "5s", "synchronous": "normal" },
        })
    );
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    assert!(serde_json::from_str::<SqlConfig>(r#"{"pool": {"sice": 1}}"#).is_err());
}
